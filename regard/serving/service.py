"""What each endpoint does, independent of HTTP: validate, run the model, convert the result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from regard.errors import RegardError
from regard.serving.batcher import Batcher
from regard.serving.conversion import align_response, interventions_from, score_response, translation_message
from regard.serving.errors import RequestError
from regard.serving.limits import Limits
from regard.serving.metrics import Metrics
from regard.serving.requests import PairRequest, TraceRequest, TranslateRequest
from regard.serving.responses import AlignResponse, ScoreResponse, TranslateResponse
from regard.serving.stream import Stream
from regard.serving.tasks import AlignTask, ScoreTask, StreamTask, Task, TraceTask, TranslateTask
from regard.serving.validation import RequestValidator
from regard.translator import Translator


class Service:
    """Answers requests by a translator. Every method raises RequestError for a request it cannot answer."""

    def __init__(self, translator: Translator, limits: Limits) -> None:
        self.translator = translator
        self.limits = limits
        self.metrics = Metrics()
        self.batcher = Batcher(translator, limits, self.metrics)
        self.validator = RequestValidator(translator, limits)

    async def translate(self, request: TranslateRequest) -> TranslateResponse:
        """Translate texts, batched with other requests."""
        texts, num_tokens = self.validator.translate(request)
        task = TranslateTask(request.beam, request.num_best, interventions_from(request.interventions))
        translations = await self._submit(task, texts, num_tokens)
        return TranslateResponse(translations=list(map(translation_message, translations)))

    async def stream(self, request: TranslateRequest) -> AsyncIterator[dict[str, Any]]:
        """Return the events of one text, once the first token is there: its tokens, then the translation."""
        texts, num_tokens = self.validator.translate(request)
        stream = Stream()
        interventions = interventions_from(request.interventions)
        task = StreamTask(stream.put, request.beam, request.num_best, interventions)
        return await stream.start(
            self._submit(task, texts, num_tokens), lambda result: translation_message(result).model_dump()
        )

    async def trace(self, request: TraceRequest) -> str:
        """Trace one translation; the result is JSON."""
        num_tokens = self.validator.trace(request)
        interventions = interventions_from(request.interventions)
        task = TraceTask(request.target, request.beam, interventions, request.alignment)
        (trace,) = await self._submit(task, [request.text], [num_tokens])
        return str(trace)

    async def align(self, request: PairRequest) -> AlignResponse:
        """Align one pair, batched with other requests."""
        if not self.translator.attends:
            raise RequestError(
                422, "this model has no attention to align words by; serve one with a score function"
            )
        return align_response(await self._submit_pair(AlignTask(), request))

    async def score(self, request: PairRequest) -> ScoreResponse:
        """Score one pair, batched with other requests."""
        return score_response(await self._submit_pair(ScoreTask(), request))

    async def _submit_pair(self, task: Task, request: PairRequest) -> Any:
        num_tokens = self.validator.pair(request)
        (result,) = await self._submit(task, [(request.source, request.target)], [num_tokens])
        return result

    async def _submit(self, task: Task, items: Sequence[Any], num_tokens: Sequence[int]) -> list[Any]:
        try:
            return await self.batcher.submit(task, items, num_tokens)
        except RegardError as error:
            field = "interventions" if getattr(task, "interventions", ()) else None
            raise RequestError.of(error, field) from None
