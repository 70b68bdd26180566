"""From messages to the model and back: what each endpoint does, but for HTTP."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

from regard.alignment import format_links, links_from_attention
from regard.data.tokeniser import Tokeniser
from regard.errors import RegardError
from regard.records.text import Scored, Translation
from regard.serving.batcher import Batcher
from regard.serving.errors import RefusedError
from regard.serving.interventions import interventions_of
from regard.serving.limits import Limits
from regard.serving.messages import (
    AlignAnswer,
    Hypothesis,
    PairRequest,
    ScoreAnswer,
    TraceRequest,
    TranslateAnswer,
    TranslateRequest,
    TranslationMessage,
)
from regard.serving.metrics import Meter
from regard.serving.stream import Stream
from regard.serving.work import Aligning, Following, Scoring, Tracing, Translating, Work
from regard.translator import Translator

MOST_NUMBERS = 2_000_000  # of one trace


class Service:
    """A translator that answers messages. Every method raises RefusedError for what it does not take."""

    def __init__(self, translator: Translator, limits: Limits) -> None:
        self.translator = translator
        self.limits = limits
        self.meter = Meter()
        self.batcher = Batcher(translator, limits, self.meter)

    async def translate(self, asked: TranslateRequest) -> TranslateAnswer:
        """Its texts together with those of other requests."""
        texts, sizes = self._texts(asked)
        changes = interventions_of(asked.interventions)
        found = await self._do(Translating(asked.beam, asked.num_best, changes), texts, sizes)
        return TranslateAnswer(translations=[_translation(one) for one in found])

    async def stream(self, asked: TranslateRequest) -> AsyncIterator[dict[str, Any]]:
        """The events of one text, once the first is there: tokens, then the translation."""
        texts, sizes = self._texts(asked)
        stream = Stream()
        changes = interventions_of(asked.interventions)
        work = Following(stream.tell, asked.beam, asked.num_best, changes)
        return await stream.follow(self._do(work, texts, sizes), lambda one: _translation(one).model_dump())

    async def trace(self, asked: TraceRequest) -> str:
        """Everything about one translation, as JSON."""
        self._check_width("beam", asked.beam)
        size = self._size("text", asked.text, self.translator.tokenisers.source)
        if asked.target is not None:
            self._size("target", asked.target, self.translator.tokenisers.target)
        if asked.alignment:
            self._check_alignment(size)
        changes = interventions_of(asked.interventions)
        work = Tracing(asked.target, asked.beam, changes, asked.alignment)
        found: str = (await self._do(work, [asked.text], [size]))[0]
        return found

    async def align(self, asked: PairRequest) -> AlignAnswer:
        """A pair together with those of other requests."""
        if not self.translator.attends:
            raise RefusedError(
                422, "this model has no attention to align words by; serve one with a score function"
            )
        one: Translation = await self._pair(Aligning(), asked)
        if one.attention is None:  # nothing was read, so nothing was looked at
            return AlignAnswer(pharaoh="", attention=[], tokens=[], source_tokens=[])
        links = links_from_attention(one.attention, one.source_words.word_of_token, one.words.word_of_token)
        return AlignAnswer(
            pharaoh=format_links(links),
            attention=one.attention.tolist(),
            tokens=list(one.tokens),
            source_tokens=list(one.source_tokens),
        )

    async def score(self, asked: PairRequest) -> ScoreAnswer:
        """The same."""
        one: Scored = await self._pair(Scoring(), asked)
        return ScoreAnswer(
            log_probability=_finite(one.log_probability),
            per_token=_finite(one.per_token),
            perplexity=_finite(one.perplexity),
            tokens=list(one.tokens),
            log_probabilities=list(map(_finite, one.log_probabilities)),
        )

    async def _pair(self, work: Work, asked: PairRequest) -> Any:
        size = self._size("source", asked.source, self.translator.tokenisers.source)
        self._size("target", asked.target, self.translator.tokenisers.target)
        return (await self._do(work, [(asked.source, asked.target)], [size]))[0]

    async def _do(self, work: Work, items: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
        try:
            return await self.batcher.submit(work, items, sizes)
        except RegardError as error:
            field = "interventions" if getattr(work, "interventions", ()) else None
            raise RefusedError.of(error, field) from None

    def _texts(self, asked: TranslateRequest) -> tuple[list[str], list[int]]:
        """The texts and their sizes, checked with the rest."""
        self._check_width("beam", asked.beam)
        self._check_width("num_best", asked.num_best)
        if asked.beam is not None and asked.num_best > asked.beam:
            raise RefusedError(
                422,
                f"num_best: a beam of {asked.beam} cannot give {asked.num_best}; widen the beam",
                "num_best",
            )
        source = self.translator.tokenisers.source
        if isinstance(asked.text, str):
            return [asked.text], [self._size("text", asked.text, source)]
        for field in ("stream", "interventions"):
            if getattr(asked, field):
                raise RefusedError(422, f"{field}: for one text, not a list; send text as a string", field)
        most = self.limits.num_texts
        if not 1 <= len(asked.text) <= most:
            raise RefusedError(422, f"text: expected 1 to {most} texts, got {len(asked.text)}", "text", most)
        return asked.text, [
            self._size(f"text[{place}]", text, source) for place, text in enumerate(asked.text)
        ]

    def _check_width(self, field: str, number: int | None) -> None:
        most = self.limits.beam
        if number is not None and number > most:
            raise RefusedError(422, f"{field}: expected at most {most}, got {number}", field, most)

    def _check_alignment(self, size: int) -> None:
        """A number for each source token, output token and place of a state."""
        search, width = self.translator.search, self.translator.model.encoder.memory_size
        numbers = (size + 1) * ((size + 1) * search.max_ratio + search.max_extra) * width
        if numbers > MOST_NUMBERS:
            raise RefusedError(
                422,
                f"alignment: may come to {numbers:.0f} numbers for a text of {size} tokens; shorten it, or leave "
                "alignment out and multiply states by weights",
                "alignment",
                MOST_NUMBERS,
            )

    def _size(self, field: str, text: str, tokeniser: Tokeniser) -> int:
        """How many tokens a text has; refuses what is too long, or no text of this tokeniser."""
        most = self.limits.num_characters
        if len(text) > most:
            raise RefusedError(
                422, f"{field}: expected at most {most} characters, got {len(text)}", field, most
            )
        try:
            text.encode()
            size = len(tokeniser.encode(text))
        except UnicodeEncodeError:  # JSON can hold half a character, as in "\ud800"
            raise RefusedError(422, f"{field}: expected text, got half of a surrogate pair", field) from None
        except RegardError as error:
            raise RefusedError.of(error, field) from None
        most = self.limits.num_tokens
        if size > most:
            raise RefusedError(422, f"{field}: expected at most {most} tokens, got {size}", field, most)
        return size


def _translation(one: Translation) -> TranslationMessage:
    return TranslationMessage(
        **_hypothesis(one), alternatives=[Hypothesis(**_hypothesis(other)) for other in one.alternatives]
    )


def _hypothesis(one: Translation) -> dict[str, Any]:
    return {
        "text": one.text,
        "log_probability": _finite(one.log_probability),
        "score": _finite(one.score),
        "tokens": list(one.tokens),
        "log_probabilities": list(map(_finite, one.log_probabilities)),
        "source_tokens": list(one.source_tokens),
        "words": list(one.words.texts),
        "source_words": list(one.source_words.texts),
        "places": list(one.words.word_of_token),
        "source_places": list(one.source_words.word_of_token),
        "attention": None if one.attention is None else one.attention.tolist(),
    }


def _finite(number: float) -> float | None:
    """JSON has no word for what is not finite."""
    return number if math.isfinite(number) else None
