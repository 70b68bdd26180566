"""The translator: a trained model with its tokenisers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray

from regard import kernels
from regard.attention import NoScore
from regard.build import describe_model
from regard.checkpoint import Tokenisers
from regard.config import DataConfig, SearchConfig
from regard.data import sorted_batches
from regard.data.words import words_of
from regard.errors import DataError, SearchError
from regard.model import Seq2Seq
from regard.records.search_options import ProgressCallback
from regard.records.tensors import Memory
from regard.records.text import (
    PAD,
    UNKNOWN,
    Hypothesis,
    Intervention,
    Scored,
    StreamedToken,
    Table,
    Trace,
    Translation,
)
from regard.search import (
    BeamRecorder,
    Ensemble,
    OnToken,
    Overridden,
    SearchOptions,
    SearchRequest,
    SearchStrategy,
    StepOverrides,
    Stepper,
    check_batch_size,
    forced_decode,
    stream_search,
)
from regard.translator.sentence import Sentence, encode_sentences
from regard.translator.tracing import to_array, trace_steps, with_steps
from regard.translator.translation import build_translation, empty_translation

_NO_OVERRIDES = StepOverrides()


class Translator:
    """A trained model with its tokenisers: translates, aligns and scores known pairs, embeds, traces.

    Text of nothing but white space gives an empty translation without tokens. Sentences are sorted by length and
    decoded in batches; results are in the order of the texts. In float32 a sentence's log-probability is the same
    within 1e-4 whatever it is batched with. `max_tokens` is the longest sentence that the model was trained on.
    With `others` the models decode together, as a `search.Ensemble`. `table` are the columns that the recipe reads
    from tables.
    """

    def __init__(
        self,
        model: Seq2Seq,
        tokenisers: Tokenisers,
        search: SearchConfig,
        max_tokens: int = DataConfig.max_tokens,
        others: Sequence[Seq2Seq] = (),
        table: Table | None = None,
    ) -> None:
        self.model = model.eval()
        self.models = (self.model, *(other.eval() for other in others))
        self.tokenisers = tokenisers
        self.search = search
        self.max_tokens = max_tokens
        self.table = table

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return self.model.head.weight.device

    @property
    def attends(self) -> bool:
        """Whether the model, or any of an ensemble, has attention."""
        return any(model.decoder.attention is not None for model in self.models)

    @overload
    def translate(self, text: str, **options: Unpack[SearchOptions]) -> Translation: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, text: Sequence[str], **options: Unpack[SearchOptions]) -> list[Translation]: ...
    def translate(
        self, text: str | Sequence[str], **options: Unpack[SearchOptions]
    ) -> Translation | list[Translation]:
        """Translate a sentence, or a list of them; the keywords are those of `SearchOptions`.

        Raises SearchError for options that contradict each other, such as a beam narrower than `num_best`, for values
        out of range, and for impossible interventions: at a step after the end of the translation, on a token that
        does not exist, on the weights of a model without attention, in an ensemble.
        """
        if isinstance(text, str):
            return self.translate([text], **options)[0]
        request = self._request(text, options)

        def search(batch: Sequence[Sentence]) -> list[list[Hypothesis]]:
            with self._precision(request.precision):
                return self._search(batch, request)

        sentences = self._searchable(encode_sentences(self.tokenisers, text), request)
        return self._in_batches(sentences, search, request.batch_size, options.get("watch"), request)

    @overload
    def align(  # type: ignore[overload-overlap]
        self,
        sources: str,
        targets: str,
        *,
        batch_size: int | None = None,
        watch: ProgressCallback | None = None,
    ) -> Translation: ...
    @overload
    def align(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        batch_size: int | None = None,
        watch: ProgressCallback | None = None,
    ) -> list[Translation]: ...
    def align(
        self,
        sources: str | Sequence[str],
        targets: str | Sequence[str],
        *,
        batch_size: int | None = None,
        watch: ProgressCallback | None = None,
    ) -> Translation | list[Translation]:
        """Force known translations, one or a list: what the model attended to, and their log-probability.

        The attention of a target token is that of the step that wrote it. Raises DataError unless there is one
        target for each source.
        """
        if isinstance(sources, str) and isinstance(targets, str):
            return self.align([sources], [targets], batch_size=batch_size, watch=watch)[0]
        if isinstance(sources, str) or isinstance(targets, str):
            raise TypeError("expected two texts or two lists of texts, got one of each")
        if len(sources) != len(targets):
            raise DataError(
                f"expected one target for each source, got {len(sources)} sources and {len(targets)} targets; "
                "make them line-parallel"
            )

        def force(batch: Sequence[Sentence]) -> list[list[Hypothesis]]:
            return [[one] for one in self._force(batch)]

        size = self.search.batch_size if batch_size is None else batch_size
        check_batch_size(size)
        return self._in_batches(encode_sentences(self.tokenisers, sources, targets), force, size, watch)

    @overload
    def score(  # type: ignore[overload-overlap]
        self,
        sources: str,
        targets: str,
        *,
        batch_size: int | None = None,
        watch: ProgressCallback | None = None,
    ) -> Scored: ...
    @overload
    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        batch_size: int | None = None,
        watch: ProgressCallback | None = None,
    ) -> list[Scored]: ...
    def score(
        self,
        sources: str | Sequence[str],
        targets: str | Sequence[str],
        *,
        batch_size: int | None = None,
        watch: ProgressCallback | None = None,
    ) -> Scored | list[Scored]:
        """Return the log-probabilities of known translations, one or a list; those of an empty source have no tokens.

        Raises DataError unless there is one target for each source.
        """
        if isinstance(sources, str) and isinstance(targets, str):
            return self.score([sources], [targets], batch_size=batch_size, watch=watch)[0]
        forced = self.align(sources, targets, batch_size=batch_size, watch=watch)
        return [
            Scored(source, target, one.tokens, one.log_probabilities)
            for source, target, one in zip(sources, targets, forced, strict=True)
        ]

    def unknown_words(self, texts: Sequence[str]) -> Counter[str]:
        """Count the words of source texts that contain an unknown token."""
        tokeniser = self.tokenisers.source
        found: Counter[str] = Counter()
        for text, ids in zip(texts, tokeniser.encode_batch(list(texts)), strict=True):
            if UNKNOWN in ids:
                words = words_of(tokeniser, tokeniser.normalise(text), tuple(ids))
                indices = {index for i, index in zip(ids, words.word_of_token, strict=True) if i == UNKNOWN}
                found.update(words.texts[index] for index in indices if index >= 0)
        return found

    @torch.inference_mode()
    def embed(self, text: str) -> NDArray[np.float32]:
        """Return the sentence vector (M,): the encoder's last state, all that a decoder without attention sees."""
        self._check_no_ensemble("embed")
        return to_array(self._encode(self.model, encode_sentences(self.tokenisers, [text])).final[0])

    def trace(
        self,
        text: str,
        target: str | None = None,
        *,
        num_candidates: int = 5,
        intervene: Sequence[Intervention] = (),
        beam: int | None = None,
        beam_tree: bool = True,
        alignment: bool = False,
    ) -> Trace:
        """Record everything that happens while `text` is translated, or while a known `target` is forced.

        Each step has query, scores, weights, context and the `num_candidates` most probable next tokens; with
        `alignment` also every encoder state times its weight. The beam tree has as many continuations of each
        hypothesis that the search considered; there is none for a known target. `intervene` and `beam` are those of
        `translate`; a known target allows no `Force`. Raises SearchError as `translate` does.
        """
        self._check_no_ensemble("trace")
        options: SearchOptions = {"intervene": intervene}
        if beam is not None:
            options["beam"] = beam
        request = self._request([text], options)
        (sentence,) = encode_sentences(self.tokenisers, [text], None if target is None else [target])
        overrides = self._overrides(sentence, request.interventions)
        recorder = None
        if target is not None:
            best = self._force([sentence], overrides)[0]
        else:
            if beam_tree:
                recorder = BeamRecorder(request.strategy.ranking_for([sentence.ids]), num_candidates)
            best = self._search(self._searchable([sentence], request), request, recorder)[0][0]
        memory = self._encode(self.model, [sentence])
        steps = tuple(
            trace_steps(
                self.model, self.tokenisers.target, memory, best.ids, overrides, num_candidates, alignment
            )
        )
        return Trace(
            translation=with_steps(build_translation(self.tokenisers, sentence, [best]), steps),
            states=to_array(memory.values[0]),
            steps=steps,
            description=self.describe(),
            beam=None if recorder is None else recorder.tree(best.ids, self.tokenisers.target.tokens),
        )

    def describe(self) -> dict[str, str | int | bool | None]:
        """Describe how the model (of an ensemble the first) is built; see `build.describe_model`."""
        return describe_model(self.model)

    def _in_batches(
        self,
        sentences: Sequence[Sentence],
        decode: Callable[[Sequence[Sentence]], list[list[Hypothesis]]],
        batch_size: int,
        watch: ProgressCallback | None,
        request: SearchRequest | None = None,
    ) -> list[Translation]:
        """Decode in batches of sentences of similar length; `decode` returns the n-best of each sentence."""
        found = [empty_translation(sentence.text) for sentence in sentences]
        filled = [sentence for sentence in sentences if not sentence.is_blank]
        if watch is not None and len(filled) < len(sentences):
            watch(len(sentences) - len(filled))
        for indices in sorted_batches([len(sentence.ids) for sentence in filled], batch_size):
            batch = [filled[index] for index in indices]
            for sentence, hypotheses in zip(batch, decode(batch), strict=True):
                found[sentence.index] = build_translation(self.tokenisers, sentence, hypotheses, request)
            if watch is not None:
                watch(len(batch))
        return found

    def _request(self, texts: Sequence[str], options: SearchOptions) -> SearchRequest:
        return SearchRequest.of(
            options,
            texts,
            self.search,
            self.tokenisers.source,
            self.tokenisers.target,
            has_attention=self.attends,
        )

    def _searchable(self, sentences: Sequence[Sentence], request: SearchRequest) -> list[Sentence]:
        """Return the sentences with their prefix, constraints and maximum length."""
        return [self._restrict(sentence, request) for sentence in sentences]

    def _restrict(self, sentence: Sentence, request: SearchRequest) -> Sentence:
        prefix = request.restrictions.prefix(sentence.index)
        constraints = request.restrictions.constraints(sentence.text)
        max_length = max(1, int(len(sentence.ids) * self.search.max_ratio) + self.search.max_extra)
        max_length += len(prefix) + (0 if constraints is None else constraints.num_steps)
        return replace(sentence, prefix=prefix, constraints=constraints, max_length=max_length)

    def _search(
        self, sentences: Sequence[Sentence], request: SearchRequest, recorder: BeamRecorder | None = None
    ) -> list[list[Hypothesis]]:
        """Return the n-best of each sentence; those with lexical constraints are searched separately."""
        if request.interventions:
            return self._search_overridden(sentences, request, recorder)
        limits = [sentence.max_length for sentence in sentences]
        prefixes = [sentence.prefix for sentence in sentences]
        stepper = request.restrictions.apply(self._stepper(sentences), prefixes, limits, self.device)
        free = [row for row, sentence in enumerate(sentences) if sentence.constraints is None]
        if len(free) == len(sentences):
            return self._run(stepper, sentences, request, recorder)
        found: list[list[Hypothesis]] = [[] for _ in sentences]
        constrained = [row for row, sentence in enumerate(sentences) if sentence.constraints is not None]
        for rows in filter(None, (free, constrained)):
            part = stepper.select(torch.tensor(rows, dtype=torch.long, device=self.device))
            n_best = self._run(part, [sentences[row] for row in rows], request)
            for row, hypotheses in zip(rows, n_best, strict=True):
                found[row] = hypotheses
        return found

    def _search_overridden(
        self, sentences: Sequence[Sentence], request: SearchRequest, recorder: BeamRecorder | None
    ) -> list[list[Hypothesis]]:
        """Translate one sentence with interventions; up to the first it is as without."""
        (sentence,) = sentences
        overrides = self._overrides(sentence, request.interventions)
        strategy = replace(request.strategy, num_best=1)
        untouched = replace(request, interventions=(), follow=None, strategy=strategy)
        prefix = self._search(sentences, untouched)[0][0].ids
        stepper = Overridden.of(
            self._stepper(sentences),
            overrides,
            prefix,
            len(sentence.ids),
            sentence.max_length,
            self.device,
        )
        found = self._run(stepper, sentences, request, recorder)
        overrides.check_reached(len(found[0][0].ids))
        return found

    def _run(
        self,
        stepper: Stepper,
        sentences: Sequence[Sentence],
        request: SearchRequest,
        recorder: BeamRecorder | None = None,
    ) -> list[list[Hypothesis]]:
        """Run the search of the request on a stepper for sentences that all have lexical constraints, or none."""
        limits, sources = [one.max_length for one in sentences], [one.ids for one in sentences]
        constraints = [one.constraints for one in sentences if one.constraints is not None]
        if constraints:
            return request.strategy.run_constrained(stepper, limits, sources, constraints)
        search = partial(request.strategy.run, limits=limits, sources=sources, observer=recorder)
        if request.follow is None:
            return search(stepper)
        return stream_search(search, stepper, self._on_token(request.follow))

    def _precision(self, precision: str) -> AbstractContextManager[None]:
        """Compute matrix products in this precision; forced decoding and traces are always in float32."""
        return kernels.inference_precision(precision, self.device, self.model.decoder.combined_size)

    def _force(
        self, sentences: Sequence[Sentence], overrides: StepOverrides = _NO_OVERRIDES
    ) -> list[Hypothesis]:
        """Force the targets of sentences; of a single one with the weights overridden at some steps."""
        if overrides.tokens:
            raise SearchError(
                f"intervene at step {min(overrides.tokens)} (force): the target already determines what is written; "
                "leave out one of them"
            )
        stepper = self._stepper(sentences)
        if overrides.weights:
            (sentence,) = sentences
            length = len(sentence.target)
            overrides.check_reached(length)
            stepper = Overridden.of(stepper, overrides, (), len(sentence.ids), length, self.device)
        ranking = SearchStrategy.of(self.search, {}).ranking_for([one.ids for one in sentences])
        return forced_decode(stepper, [one.target for one in sentences], ranking)

    def _overrides(self, sentence: Sentence, interventions: Sequence[Intervention]) -> StepOverrides:
        """Check interventions for this model and a sentence."""
        if interventions:
            self._check_no_ensemble("intervene")
        overrides = StepOverrides.of(interventions, len(sentence.ids), self.tokenisers.target)
        attention = self.model.decoder.attention
        if overrides.weights and (attention is None or isinstance(attention.score, NoScore)):
            why = "the plain decoder has none" if attention is None else "its score function is none"
            raise SearchError(
                f"intervene at step {min(overrides.weights)}: this model has no attention weights to change, {why}; "
                "it allows only Force"
            )
        return overrides

    @torch.inference_mode()
    def _stepper(self, sentences: Sequence[Sentence]) -> Stepper:
        members = tuple(model.stepper(self._encode(model, sentences)) for model in self.models)
        return members[0] if len(members) == 1 else Ensemble(members)

    @torch.inference_mode()
    def _encode(self, model: Seq2Seq, sentences: Sequence[Sentence]) -> Memory:
        sources = [sentence.ids for sentence in sentences]
        longest = max(len(ids) for ids in sources)
        padded = torch.tensor([[*ids, *[PAD] * (longest - len(ids))] for ids in sources], device=self.device)
        lengths = torch.tensor([len(ids) for ids in sources], device=self.device)
        valid = torch.arange(longest, device=self.device) < lengths.unsqueeze(1)
        return model.encode(padded, valid)

    def _check_no_ensemble(self, verb: str) -> None:
        if len(self.models) > 1:
            raise SearchError(
                f"{verb}: works with a single model, and this is an ensemble of {len(self.models)}"
            )

    def _on_token(self, follow: Callable[[StreamedToken], None]) -> OnToken:
        """Return a callback that passes token ids on to `follow` as text."""
        target, ids = self.tokenisers.target, list[int]()

        def on_token(token: int, log_probability: float, weights: NDArray[np.float32] | None) -> None:
            ids.append(token)
            follow(StreamedToken(target.tokens([token])[0], log_probability, weights, target.decode(ids)))

        return on_token
