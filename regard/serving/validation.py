"""Check requests against the limits of a server and the tokenisers of its model."""

from __future__ import annotations

from collections.abc import Sequence

from regard.data.tokeniser import Tokeniser
from regard.errors import RegardError
from regard.serving.errors import RequestError
from regard.serving.limits import Limits
from regard.serving.requests import PairRequest, TraceRequest, TranslateRequest
from regard.translator import Translator

MAX_ALIGNMENT_SIZE = 2_000_000  # numbers in the weighted states of one trace


class RequestValidator:
    """Checks requests and counts their tokens. Every method raises RequestError naming field and limit."""

    def __init__(self, translator: Translator, limits: Limits) -> None:
        self.translator = translator
        self.limits = limits
        self.source = translator.tokenisers.source
        self.target = translator.tokenisers.target

    def translate(self, request: TranslateRequest) -> tuple[list[str], list[int]]:
        """Return the texts and their numbers of tokens."""
        self._check_beam("beam", request.beam)
        self._check_beam("num_best", request.num_best)
        if request.beam is not None and request.num_best > request.beam:
            raise RequestError(
                422,
                f"num_best: expected at most the beam of {request.beam}, got {request.num_best}; widen the beam",
                "num_best",
            )
        if isinstance(request.text, str):
            return [request.text], [self._num_tokens("text", request.text, self.source)]
        for field in ("stream", "interventions"):
            if getattr(request, field):
                raise RequestError(
                    422, f"{field}: expected one text, got a list; send text as a string", field
                )
        return request.text, self._all_num_tokens(request.text)

    def trace(self, request: TraceRequest) -> int:
        """Return the number of tokens of the text."""
        self._check_beam("beam", request.beam)
        num_tokens = self._num_tokens("text", request.text, self.source)
        if request.target is not None:
            self._num_tokens("target", request.target, self.target)
        if request.alignment:
            self._check_alignment(num_tokens)
        return num_tokens

    def pair(self, request: PairRequest) -> int:
        """Return the number of tokens of the source."""
        num_tokens = self._num_tokens("source", request.source, self.source)
        self._num_tokens("target", request.target, self.target)
        return num_tokens

    def _check_beam(self, field: str, width: int | None) -> None:
        limit = self.limits.beam
        if width is not None and width > limit:
            raise RequestError(422, f"{field}: expected at most {limit}, got {width}", field, limit)

    def _check_alignment(self, num_tokens: int) -> None:
        """Bound the weighted states of a trace: a number for each source token, output token and state unit."""
        search, memory_size = self.translator.search, self.translator.model.encoder.memory_size
        size = (num_tokens + 1) * ((num_tokens + 1) * search.max_ratio + search.max_extra) * memory_size
        if size > MAX_ALIGNMENT_SIZE:
            raise RequestError(
                422,
                f"alignment: expected at most {MAX_ALIGNMENT_SIZE} numbers, got up to {size:.0f} for a text of "
                f"{num_tokens} tokens; shorten it, or leave alignment out and multiply the states by the weights",
                "alignment",
                MAX_ALIGNMENT_SIZE,
            )

    def _all_num_tokens(self, texts: Sequence[str]) -> list[int]:
        limit = self.limits.num_texts
        if not 1 <= len(texts) <= limit:
            raise RequestError(422, f"text: expected 1 to {limit} texts, got {len(texts)}", "text", limit)
        return [self._num_tokens(f"text[{index}]", text, self.source) for index, text in enumerate(texts)]

    def _num_tokens(self, field: str, text: str, tokeniser: Tokeniser) -> int:
        """Count the tokens of a text; refuses text that is too long or that the tokeniser cannot encode."""
        limit = self.limits.num_characters
        if len(text) > limit:
            raise RequestError(
                422, f"{field}: expected at most {limit} characters, got {len(text)}", field, limit
            )
        try:
            text.encode()
            num_tokens = len(tokeniser.encode(text))
        except UnicodeEncodeError:  # JSON can hold half of a surrogate pair, as in "\ud800"
            raise RequestError(422, f"{field}: expected text, got half of a surrogate pair", field) from None
        except RegardError as error:
            raise RequestError.of(error, field) from None
        limit = self.limits.num_tokens
        if num_tokens > limit:
            raise RequestError(
                422, f"{field}: expected at most {limit} tokens, got {num_tokens}", field, limit
            )
        return num_tokens
