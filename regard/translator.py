"""Text in, text out, with everything attention did on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard import kernels
from regard.alignment import words_for_unknown
from regard.attention import NoScore
from regard.build import describe_model
from regard.checkpoint import Tokenisers, load_model
from regard.config import DataConfig, SearchConfig
from regard.data import sorted_batches
from regard.data.words import input_units, output_units, words_of
from regard.errors import DataError, ModelError, SearchError
from regard.model import Seq2Seq
from regard.records.tensors import Memory
from regard.records.text import (
    END,
    PAD,
    START,
    UNKNOWN,
    Candidate,
    Hypothesis,
    Intervention,
    Scored,
    StreamedToken,
    Table,
    Trace,
    TraceStep,
    Translation,
    Words,
)
from regard.search import (
    BeamRecorder,
    Changes,
    Ensemble,
    Overridden,
    Plan,
    SearchOptions,
    SearchRequest,
    Stepper,
    check_size,
    forced_decode,
    overridden,
)
from regard.search.request import Watch
from regard.search.streaming import Tell, follow_search

Ids = tuple[int, ...]
_UNCHANGED = Changes()


class Translator:
    """A trained model with its tokenisers: translates, aligns and scores known pairs, embeds, traces.

    Text of nothing but white space gives an empty translation without tokens. Sentences are sorted by length and
    decoded in batches; results come in the order asked for. In float32 a sentence's log-probability is the same
    within 1e-4 whatever it is batched with. `max_tokens` is the length up to which sentences were trained on.
    With `others` the models write together, as `search.Ensemble` says. `table` says what the recipe reads of a table.
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
        """Where the model lies."""
        return self.model.head.weight.device

    @property
    def attends(self) -> bool:
        """Whether there is attention to look at."""
        return any(model.decoder.attention is not None for model in self.models)

    @overload
    def translate(self, text: str, **how: Unpack[SearchOptions]) -> Translation: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, text: Sequence[str], **how: Unpack[SearchOptions]) -> list[Translation]: ...
    def translate(
        self, text: str | Sequence[str], **how: Unpack[SearchOptions]
    ) -> Translation | list[Translation]:
        """Translate a sentence, or a list of them; the keywords are those of `SearchOptions`.

        Raises SearchError for keywords that say nothing or the contrary beside others, such as a beam narrower than
        `num_best`, for numbers that cannot be, and for interventions that cannot: at a step that is not written, in
        what there is not, in the weights of a model without attention, in an ensemble.
        """
        if isinstance(text, str):
            return self.translate([text], **how)[0]
        request = self._asked(text, how)

        def search(rows: Sequence[int], ids: Sequence[Ids]) -> list[list[Hypothesis]]:
            with self._products(request.precision):
                return self._search(rows, [text[row] for row in rows], ids, request)

        return self._each(text, search, request.batch_size, how.get("watch"), request)

    @overload
    def align(  # type: ignore[overload-overlap]
        self, sources: str, targets: str, *, batch_size: int | None = None, watch: Watch | None = None
    ) -> Translation: ...
    @overload
    def align(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> list[Translation]: ...
    def align(
        self,
        sources: str | Sequence[str],
        targets: str | Sequence[str],
        *,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> Translation | list[Translation]:
        """Force the model through known translations, one or a list: what it attended to, how probable it found them.

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
        wanted = [(*ids, END) for ids in self.tokenisers.target.encode_batch(list(targets))]

        def force(rows: Sequence[int], ids: Sequence[Ids]) -> list[list[Hypothesis]]:
            return [[one] for one in self._force(ids, [wanted[row] for row in rows])]

        size = self.search.batch_size if batch_size is None else batch_size
        check_size(size)
        return self._each(sources, force, size, watch)

    @overload
    def score(  # type: ignore[overload-overlap]
        self, sources: str, targets: str, *, batch_size: int | None = None, watch: Watch | None = None
    ) -> Scored: ...
    @overload
    def score(
        self,
        sources: Sequence[str],
        targets: Sequence[str],
        *,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> list[Scored]: ...
    def score(
        self,
        sources: str | Sequence[str],
        targets: str | Sequence[str],
        *,
        batch_size: int | None = None,
        watch: Watch | None = None,
    ) -> Scored | list[Scored]:
        """How probable the model finds known translations, one or a list; nothing is scored of an empty source.

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
        """The words of these source texts that the vocabulary does not have, wholly or in part, and how often."""
        tokeniser = self.tokenisers.source
        found: Counter[str] = Counter()
        for text, ids in zip(texts, tokeniser.encode_batch(list(texts)), strict=True):
            if UNKNOWN in ids:
                words = words_of(tokeniser, tokeniser.normalise(text), tuple(ids))
                places = {place for i, place in zip(ids, words.places, strict=True) if i == UNKNOWN}
                found.update(words.texts[place] for place in places if place >= 0)
        return found

    @torch.inference_mode()
    def embed(self, text: str) -> NDArray[np.float32]:
        """The fixed sentence vector (M,): the encoder's last state, all a decoder without attention would know."""
        self._check_alone("embed")
        final = self._memory(self.model, [(*self.tokenisers.source.encode(text), END)]).final[0]
        return final.float().cpu().numpy()

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
        """All that happens while `text` is translated or, given a `target`, while that is forced.

        Each step holds query, scores, weights, context and the `num_candidates` most probable next tokens; with
        `alignment` also every encoder state times its weight. The tree of what the search considered has as many
        continuations of each beginning; there is none of a forced target. `intervene` and `beam` are those of
        `translate`; a forced target takes no `Force`. Raises SearchError as `translate` does.
        """
        self._check_alone("trace")
        how: SearchOptions = (
            {"intervene": intervene} if beam is None else {"intervene": intervene, "beam": beam}
        )
        request = self._asked([text], how)
        source = (*self.tokenisers.source.encode(text), END)
        changes = self._changes(source, request.interventions)
        considered = None
        if target is not None:
            best = self._force([source], [(*self.tokenisers.target.encode(target), END)], changes)[0]
        else:
            considered = (
                BeamRecorder(request.plan.ranking_of([source]), num_candidates) if beam_tree else None
            )
            best = self._search([0], [text], [source], request, considered)[0][0]
        memory = self._memory(self.model, [source])
        steps = tuple(self._trace_steps(memory, best.ids, num_candidates, changes, alignment))
        return Trace(
            translation=_with_steps(self._translation(0, text, source, [best]), steps),
            states=_array(memory.values[0]),
            steps=steps,
            description=self.describe(),
            beam=None if considered is None else considered.tree(best.ids, self._tokens),
        )

    def describe(self) -> dict[str, str | int | bool | None]:
        """How the model (of an ensemble the first) is built, in names and words; see `build.describe_model`."""
        return describe_model(self.model)

    def _each(
        self,
        texts: Sequence[str],
        search: Callable[[Sequence[int], Sequence[Ids]], list[list[Hypothesis]]],
        batch_size: int,
        watch: Watch | None,
        request: SearchRequest | None = None,
    ) -> list[Translation]:
        """Search in batches of sentences of like length; `search(rows, ids)` gives each row its n-best."""
        sources = [(*ids, END) for ids in self.tokenisers.source.encode_batch(list(texts))]
        full = [row for row, text in enumerate(texts) if text.strip()]
        found: list[Translation | None] = [None] * len(sources)
        if watch is not None and len(full) < len(sources):
            watch(len(sources) - len(full))
        for places in sorted_batches([len(sources[row]) for row in full], batch_size):
            rows = [full[place] for place in places]
            best = search(rows, [sources[row] for row in rows])
            for row, hypotheses in zip(rows, best, strict=True):
                found[row] = self._translation(row, texts[row], sources[row], hypotheses, request)
            if watch is not None:
                watch(len(rows))
        return [_nothing(text) if one is None else one for one, text in zip(found, texts, strict=True)]

    def _asked(self, texts: Sequence[str], how: SearchOptions) -> SearchRequest:
        return SearchRequest.of(
            how, texts, self.search, self.tokenisers.source, self.tokenisers.target, attends=self.attends
        )

    def _search(
        self,
        rows: Sequence[int],
        texts: Sequence[str],
        sources: Sequence[Ids],
        request: SearchRequest,
        considered: BeamRecorder | None = None,
    ) -> list[list[Hypothesis]]:
        """The n-best of each sentence; those that must contain terms are searched for by themselves."""
        wanted = [request.restrictions.wanted(text) for text in texts]
        limits = [
            max(1, int(len(ids) * self.search.max_ratio) + self.search.max_extra)
            + len(request.restrictions.prefix(row))
            + (0 if one is None else one.num_steps)
            for row, ids, one in zip(rows, sources, wanted, strict=True)
        ]
        stepper, changes = self._stepper(sources), _UNCHANGED
        if request.interventions:
            changes = self._changes(sources[0], request.interventions)
            untouched = replace(
                request, interventions=(), follow=None, plan=replace(request.plan, num_best=1)
            )
            written = self._search(rows, texts, sources, untouched)[0][0].ids
            stepper = Overridden.of(stepper, changes, written, len(sources[0]), limits[0], self.device)
        stepper = request.restrictions.apply(stepper, rows, limits, self.device)
        free = [place for place, one in enumerate(wanted) if one is None]
        if len(free) == len(rows):
            search = partial(request.plan.run, limits=limits, sources=sources, observe=considered)
            if request.follow is not None:
                search = partial(follow_search, search, tell=self._teller(request.follow))
            found = search(stepper)
            changes.check_reached(len(found[0][0].ids))
            return found
        found = [[] for _ in rows]
        bound = [place for place, one in enumerate(wanted) if one is not None]
        for places in filter(None, (free, bound)):
            part = stepper.select(torch.tensor(places, dtype=torch.long, device=self.device))
            given = part, [limits[place] for place in places], [sources[place] for place in places]
            terms = [one for place in places if (one := wanted[place]) is not None]
            best = request.plan.run_constrained(*given, terms) if terms else request.plan.run(*given)
            for place, hypotheses in zip(places, best, strict=True):
                found[place] = hypotheses
        return found

    def _products(self, precision: str) -> AbstractContextManager[None]:
        """Matrix products in this precision; what is shown or measured step by step is always in float32."""
        return kernels.inference_precision(precision, self.device, self.model.decoder.combined_size)

    def _force(
        self, sources: Sequence[Ids], targets: Sequence[Ids], changes: Changes = _UNCHANGED
    ) -> list[Hypothesis]:
        """Known targets; a single one may be written while the weights are changed."""
        if changes.tokens:
            raise SearchError(
                f"intervene at step {min(changes.tokens)} (force): the target says already what is written; "
                "leave out one of them"
            )
        stepper = self._stepper(sources)
        if changes.rows:
            length = len(targets[0])
            changes.check_reached(length)
            stepper = Overridden.of(stepper, changes, (), len(sources[0]), length, self.device)
        return forced_decode(stepper, targets, Plan.of(self.search, {}).ranking_of(sources))

    def _changes(self, source: Ids, interventions: Sequence[Intervention]) -> Changes:
        """The interventions, checked for this model and a source."""
        if interventions:
            self._check_alone("intervene")
        changes = Changes.of(interventions, len(source), self.tokenisers.target)
        attention = self.model.decoder.attention
        if changes.rows and (attention is None or isinstance(attention.score, NoScore)):
            why = "the plain decoder has none" if attention is None else "its score is none, it looks nowhere"
            raise SearchError(
                f"intervene at step {min(changes.rows)}: no weights of attention to change, for {why}; "
                "only Force can be asked of this model"
            )
        return changes

    @torch.inference_mode()
    def _stepper(self, sources: Sequence[Ids]) -> Stepper:
        members = tuple(model.stepper(self._memory(model, sources)) for model in self.models)
        return members[0] if len(members) == 1 else Ensemble(members)

    @torch.inference_mode()
    def _memory(self, model: Seq2Seq, sources: Sequence[Ids]) -> Memory:
        longest = max(len(ids) for ids in sources)
        padded = torch.tensor([[*ids, *[PAD] * (longest - len(ids))] for ids in sources], device=self.device)
        lengths = torch.tensor([len(ids) for ids in sources], device=self.device)
        valid = torch.arange(longest, device=self.device) < lengths.unsqueeze(1)
        return model.encode(padded, valid)

    def _check_alone(self, verb: str) -> None:
        if len(self.models) > 1:
            raise SearchError(
                f"{verb}: works inside one model, and this is an ensemble of {len(self.models)}"
            )

    @torch.inference_mode()
    def _trace_steps(
        self, memory: Memory, ids: Ids, num_candidates: int, changes: Changes, alignment: bool
    ) -> Iterator[TraceStep]:
        decoder = self.model.decoder
        state = decoder.start(memory)
        for number, (previous, wanted) in enumerate(zip((START, *ids), ids, strict=False)):
            if number in changes.rows:
                row = changes.row(number, memory.values.shape[1], self.device)
                state = overridden(state, row.unsqueeze(0))
            step = decoder.step(torch.tensor([previous], device=self.device), state, memory)
            log_probabilities = self.model.log_probabilities(step.combined)[0, 0]
            look = step.attention
            yield TraceStep(
                token=self._tokens([wanted])[0],
                id=wanted,
                log_probability=float(log_probabilities[wanted]),
                candidates=self._candidates(log_probabilities, num_candidates),
                query=None if look is None else _array(decoder.query_of(state, step)[0]),
                scores=None if look is None else _array(look.scores[0, 0]),
                weights=None if look is None else _array(look.weights[0, 0]),
                context=None if look is None else _array(look.context[0, 0]),
                alignment=_array(look.alignment(memory)[0, 0]) if look is not None and alignment else None,
                intervention=changes.kinds.get(number),
            )
            state = step.state

    def _candidates(self, log_probabilities: Tensor, number: int) -> tuple[Candidate, ...]:
        best = log_probabilities.topk(min(number, len(log_probabilities)))
        tokens = self._tokens(best.indices.tolist())
        return tuple(Candidate(token, p) for token, p in zip(tokens, best.values.exp().tolist(), strict=True))

    def _translation(
        self,
        row: int,
        text: str,
        source: Ids,
        best: Sequence[Hypothesis],
        request: SearchRequest | None = None,
    ) -> Translation:
        """The best with the others as alternatives; `request` says how unknown words are written."""
        made = [self._one_translation(text, source, hypothesis) for hypothesis in best]
        if request is not None:
            made = [
                self._spelt(row, one, source, hypothesis.ids, request)
                for one, hypothesis in zip(made, best, strict=True)
            ]
        return replace(made[0], alternatives=tuple(made[1:]))

    def _one_translation(self, text: str, source: Ids, hypothesis: Hypothesis) -> Translation:
        written = self.tokenisers.target.decode(hypothesis.ids)
        return Translation(
            text=written,
            log_probability=hypothesis.log_probability,
            score=hypothesis.score,
            tokens=tuple(self._tokens(hypothesis.ids)),
            attention=None if hypothesis.attention is None else hypothesis.attention[:, : len(source)],
            source=text,
            source_tokens=tuple(self.tokenisers.source.tokens(source)),
            words=words_of(self.tokenisers.target, written, hypothesis.ids),
            source_words=words_of(self.tokenisers.source, self.tokenisers.source.normalise(text), source),
            log_probabilities=hypothesis.log_probabilities,
        )

    def _spelt(
        self, row: int, one: Translation, source: Ids, ids: Ids, request: SearchRequest
    ) -> Translation:
        """With its unknown words spelt out where that can be, and with the terms that it lacks."""
        tokeniser = self.tokenisers.target
        characters = tokeniser.config.kind == "characters"
        written = output_units(tokeniser, one.text, ids)
        unknown = {place for i, place in zip(ids, written.places, strict=True) if i == UNKNOWN and place >= 0}
        spelt = {}
        if unknown and request.lexicon is not None and one.attention is not None:
            apart = characters and tokeniser.config.normalise == "NFD"
            typed = input_units(self.tokenisers.source, one.source, source, apart)
            spelt = words_for_unknown(one.attention, typed, written, unknown, request.lexicon)
        if unknown and request.restrictions.prefixes:
            prefix = tokeniser.token_form(request.restrictions.prefixes[row])
            begin = prefix if characters else prefix.split()
            spelt |= {place: word for place, word in enumerate(begin) if place in unknown}
        if spelt:
            texts = [spelt.get(place, word) for place, word in enumerate(written.texts)]
            text = tokeniser.recompose(("" if characters else " ").join(texts))
            words = Words(tuple(map(tokeniser.recompose, texts)), written.places)
            one = replace(one, text=text, words=words_of(tokeniser, text, ids) if characters else words)
        return replace(one, missing_terms=request.restrictions.missing_terms(one.source, one.text))

    def _tokens(self, ids: Sequence[int]) -> list[str]:
        return self.tokenisers.target.tokens(ids)

    def _teller(self, follow: Callable[[StreamedToken], None]) -> Tell:
        """What tells `follow` of tokens, given their ids."""
        ids: list[int] = []

        def tell(token: int, log_probability: float, look: NDArray[np.float32] | None) -> None:
            ids.append(token)
            text = self.tokenisers.target.decode(ids)
            follow(StreamedToken(self._tokens([token])[0], log_probability, look, text))

        return tell


def load(path: str | Path, device: str = "cpu") -> Translator:
    """The translator in a model folder. Raises ModelError, saying what is wrong, if it is not whole."""
    saved = load_model(path, device)
    data = saved.config.data
    return Translator(
        saved.model, saved.tokenisers, saved.config.search, data.max_tokens, table=table_in(data)
    )


def load_ensemble(paths: Sequence[str | Path], device: str = "cpu") -> Translator:
    """Several models as one translator that averages them; the first one's recipe says how it searches.

    Raises ModelError for a folder that is not whole, and for models that do not have the same tokenisers.
    """
    if not paths:
        raise ModelError("an ensemble of no models: expected at least one model folder")
    first, *others = [load_model(path, device) for path in paths]
    for path, saved in zip(paths[1:], others, strict=True):
        for side in ("source", "target"):
            difference = getattr(first.tokenisers, side).describe_difference(getattr(saved.tokenisers, side))
            if difference:
                raise ModelError(
                    f"{paths[0]} and {path} cannot write together, their {side} tokenisers differ: {difference}; "
                    "train both with the same"
                )
    longest = min(saved.config.data.max_tokens for saved in (first, *others))
    models = [saved.model for saved in others]
    table = table_in(first.config.data)
    return Translator(first.model, first.tokenisers, first.config.search, longest, models, table)


def table_in(data: DataConfig) -> Table:
    """The columns of a table that a recipe reads."""
    return Table(tuple(map(str, data.columns)), str(data.features))


def _nothing(text: str) -> Translation:
    """The translation of an empty text."""
    return Translation("", 0.0, 0.0, (), None, text, ())


def _with_steps(translation: Translation, steps: Sequence[TraceStep]) -> Translation:
    """The translation with the steps' weights and log-probabilities, which the search had from other batches."""
    weights = [step.weights for step in steps if step.weights is not None]
    return replace(
        translation,
        attention=np.stack(weights) if weights else None,
        log_probabilities=tuple(step.log_probability for step in steps),
    )


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().cpu().numpy()
