"""Text in, text out, with everything attention did on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regard.checkpoint import Tokenisers, load_model
from regard.config import DataConfig, SearchConfig
from regard.data import Tokeniser, sorted_batches
from regard.errors import DataError, SearchError
from regard.model import ModelStepper, Seq2Seq
from regard.records import (
    END,
    PAD,
    START,
    Candidate,
    Hypothesis,
    Memory,
    Trace,
    TraceStep,
    Translation,
    Words,
)
from regard.search import beam_search, forced_decode, greedy_search

Ids = tuple[int, ...]
Watch = Callable[[int], None]  # called with the number of sentences just done


class How(TypedDict, total=False):
    """What may be asked of `Translator.translate` beside the text."""

    beam: int
    length_penalty: float
    batch_size: int
    num_best: int
    watch: Watch | None


class Translator:
    """A trained model with its tokenisers: translates, aligns known pairs, embeds, traces.

    Text of nothing but white space gives an empty translation without pieces. Sentences are sorted by length and
    decoded in batches; results come in the order asked for. In float32 a sentence's log-probability is the same
    within 1e-4 whatever it is batched with. `max_pieces` is the length up to which sentences were trained on.
    """

    def __init__(
        self,
        model: Seq2Seq,
        tokenisers: Tokenisers,
        search: SearchConfig,
        max_pieces: int = DataConfig.max_pieces,
    ) -> None:
        self.model = model.eval()
        self.tokenisers = tokenisers
        self.search = search
        self.max_pieces = max_pieces

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        return self.model.head.weight.device

    @overload
    def translate(self, text: str, **how: Unpack[How]) -> Translation: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, text: Sequence[str], **how: Unpack[How]) -> list[Translation]: ...
    def translate(self, text: str | Sequence[str], **how: Unpack[How]) -> Translation | list[Translation]:
        """Translate a sentence, or a list of them.

        Keywords: `beam`, `length_penalty`, `batch_size` in place of the recipe's; `num_best`, the number of
        translations wanted of each sentence, the others being in `alternatives`, best first; `watch`, called
        with the number of sentences just done. Raises SearchError if the beam is narrower than `num_best`, or for a
        beam or batch of less than 1.
        """
        if isinstance(text, str):
            return self.translate([text], **how)[0]
        if unknown := how.keys() - How.__annotations__.keys():
            raise TypeError(
                f"translate: unknown {', '.join(sorted(unknown))}; known: {', '.join(How.__annotations__)}"
            )
        num_best = how.get("num_best", 1)
        search = replace(
            self.search,
            beam=how.get("beam", max(self.search.beam, num_best)),
            length_penalty=how.get("length_penalty", self.search.length_penalty),
            batch_size=how.get("batch_size", self.search.batch_size),
        )
        if search.batch_size < 1:
            raise SearchError(f"search.batch_size: expected a number from 1 on, got {search.batch_size}")
        watch = how.get("watch")
        return self._each(text, lambda _, ids: self._search(ids, search, num_best), search.batch_size, watch)

    def align(
        self, sources: Sequence[str], targets: Sequence[str], *, watch: Watch | None = None
    ) -> list[Translation]:
        """Force the model through known translations: what it attended to, and how probable it found them.

        The attention of a target piece is that of the step that wrote it. Raises DataError unless there is one
        target for each source.
        """
        if len(sources) != len(targets):
            raise DataError(
                f"expected one target for each source, got {len(sources)} sources and {len(targets)} targets; "
                "make them line-parallel"
            )
        wanted = [(*ids, END) for ids in self.tokenisers.target.encode_batch(list(targets))]

        def force(rows: Sequence[int], ids: Sequence[Ids]) -> list[list[Hypothesis]]:
            return [[one] for one in self._force(ids, [wanted[row] for row in rows])]

        return self._each(sources, force, self.search.batch_size, watch)

    @torch.inference_mode()
    def embed(self, text: str) -> NDArray[np.float32]:
        """The fixed sentence vector (M,): the encoder's last state, all a decoder without attention would know."""
        final = self._stepper([(*self.tokenisers.source.encode(text), END)]).memory.final[0]
        return final.float().cpu().numpy()

    def trace(self, text: str, target: str | None = None, *, num_candidates: int = 5) -> Trace:
        """All that happens while `text` is translated or, given a `target`, while that is forced.

        Each step holds query, scores, weights, context and the `num_candidates` most probable next pieces.
        """
        source = (*self.tokenisers.source.encode(text), END)
        if target is None:
            best = self._search([source], self.search, 1)[0][0]
        else:
            best = self._force([source], [(*self.tokenisers.target.encode(target), END)])[0]
        memory = self._stepper([source]).memory
        return Trace(
            translation=self._translation(text, source, [best]),
            states=memory.values[0].float().cpu().numpy(),
            steps=tuple(self._trace_steps(memory, best.ids, num_candidates)),
            description=self.describe(),
        )

    def describe(self) -> dict[str, str]:
        """How the model is built, in words: score function, where the query comes from, where the context goes."""
        decoder = self.model.decoder
        score = None if decoder.attention is None else decoder.attention.score
        return {
            "encoder": type(self.model.encoder).__name__,
            "decoder": type(decoder).__name__,
            "score": "none" if score is None else f"{score.formula} ({score.source})",
            "query": decoder.query_source,
            "context": decoder.context_use,
        }

    def _each(
        self,
        texts: Sequence[str],
        search: Callable[[Sequence[int], Sequence[Ids]], list[list[Hypothesis]]],
        batch_size: int,
        watch: Watch | None,
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
                found[row] = self._translation(texts[row], sources[row], hypotheses)
            if watch is not None:
                watch(len(rows))
        return [_nothing(text) if one is None else one for one, text in zip(found, texts, strict=True)]

    def _search(self, sources: Sequence[Ids], search: SearchConfig, num_best: int) -> list[list[Hypothesis]]:
        limits = [max(1, int(len(ids) * search.max_ratio) + search.max_extra) for ids in sources]
        stepper = self._stepper(sources)
        if search.beam == 1 and num_best == 1:
            return [[one] for one in greedy_search(stepper, limits, search.length_penalty)]
        return beam_search(stepper, limits, search.beam, search.length_penalty, num_best)

    def _force(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Hypothesis]:
        return forced_decode(self._stepper(sources), targets, self.search.length_penalty)

    @torch.inference_mode()
    def _stepper(self, sources: Sequence[Ids]) -> ModelStepper:
        longest = max(len(ids) for ids in sources)
        padded = torch.tensor([[*ids, *[PAD] * (longest - len(ids))] for ids in sources], device=self.device)
        lengths = torch.tensor([len(ids) for ids in sources], device=self.device)
        valid = torch.arange(longest, device=self.device) < lengths.unsqueeze(1)
        return self.model.stepper(self.model.encode(padded, valid))

    @torch.inference_mode()
    def _trace_steps(self, memory: Memory, ids: Ids, num_candidates: int) -> Iterator[TraceStep]:
        decoder = self.model.decoder
        state = decoder.start(memory)
        for previous, wanted in zip((START, *ids), ids, strict=False):
            step = decoder.step(torch.tensor([previous], device=self.device), state, memory)
            log_probabilities = self.model.log_probabilities(step.combined)[0, 0]
            look = step.attention
            yield TraceStep(
                piece=self._pieces([wanted])[0],
                log_probability=float(log_probabilities[wanted]),
                candidates=self._candidates(log_probabilities, num_candidates),
                query=None if look is None else _array(decoder.query_of(state, step)[0]),
                scores=None if look is None else _array(look.scores[0, 0]),
                weights=None if look is None else _array(look.weights[0, 0]),
                context=None if look is None else _array(look.context[0, 0]),
            )
            state = step.state

    def _candidates(self, log_probabilities: Tensor, number: int) -> tuple[Candidate, ...]:
        best = log_probabilities.topk(min(number, len(log_probabilities)))
        pieces = self._pieces(best.indices.tolist())
        return tuple(Candidate(piece, p) for piece, p in zip(pieces, best.values.exp().tolist(), strict=True))

    def _translation(self, text: str, source: Ids, best: Sequence[Hypothesis]) -> Translation:
        made = [self._one_translation(text, source, hypothesis) for hypothesis in best]
        return replace(made[0], alternatives=tuple(made[1:]))

    def _one_translation(self, text: str, source: Ids, hypothesis: Hypothesis) -> Translation:
        written = self.tokenisers.target.decode(hypothesis.ids)
        return Translation(
            text=written,
            log_probability=hypothesis.log_probability,
            score=hypothesis.score,
            pieces=tuple(self._pieces(hypothesis.ids)),
            attention=None if hypothesis.attention is None else hypothesis.attention[:, : len(source)],
            source=text,
            source_pieces=tuple(self.tokenisers.source.pieces(source)),
            words=_words(self.tokenisers.target, written, hypothesis.ids),
            source_words=_words(self.tokenisers.source, self.tokenisers.source.normalise(text), source),
            log_probabilities=hypothesis.log_probabilities,
        )

    def _pieces(self, ids: Sequence[int]) -> list[str]:
        return self.tokenisers.target.pieces(ids)


def load(path: str | Path, device: str = "cpu") -> Translator:
    """The translator in a model folder. Raises ModelError, saying what is wrong, if it is not whole."""
    saved = load_model(path, device)
    return Translator(saved.model, saved.tokenisers, saved.config.search, saved.config.data.max_pieces)


def _nothing(text: str) -> Translation:
    """The translation of an empty text."""
    return Translation("", 0.0, 0.0, (), None, text, ())


def _words(tokeniser: Tokeniser, text: str, ids: Ids) -> Words:
    """The words of a text; where its pieces make up another number of them (odd bytes), the pieces joined."""
    places = tokeniser.word_of(ids)
    texts = text.split()
    if len(texts) != max(places, default=-1) + 1:
        pieces = tokeniser.pieces(ids)
        joined = [""] * (max(places, default=-1) + 1)
        for piece, place in zip(pieces, places, strict=True):
            if place >= 0:
                joined[place] += piece
        texts = joined
    return Words(tuple(texts), tuple(places))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.float().cpu().numpy()
