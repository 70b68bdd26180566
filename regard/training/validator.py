"""Judging a model while it trains: the loss on known targets, and what it writes by itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from regard.alignment import links_from_attention
from regard.checkpoint import Tokenisers
from regard.config import Config
from regard.data import Corpus, epoch_plan
from regard.metrics import bleu, cer, chrf, exact_match, wer
from regard.model import Seq2Seq
from regard.records.tensors import Batch
from regard.records.text import Pair, Translation, Words
from regard.training.batch_budget import batch_budget
from regard.training.reports import Sample, ValidationResult
from regard.training.watchers.health import attention_statistics
from regard.translator import Translator

WATCHED = 200  # sentences whose attention is looked at, at the least
CONTROLS = ("uniform", "none")  # score functions whose attention is what it is


class Validator:
    """Called with a model, says how good it is on the validation pairs; the model should be in eval mode.

    Loss and accuracy are over all pairs with their true targets fed in; all else is of greedy translations of the
    first `training.validation_sentences`.
    """

    def __init__(self, pairs: Sequence[Pair], tokenisers: Tokenisers, config: Config) -> None:
        self.pairs = pairs
        self.tokenisers = tokenisers
        self.search = config.search
        self.decoded = pairs[: config.training.validation_sentences or len(pairs)]
        self.corpus = Corpus.encode(pairs, tokenisers.source, tokenisers.target, max_tokens=sys.maxsize)
        lengths = self.corpus.source_lengths, self.corpus.target_lengths
        budget = batch_budget(config.training)
        self.batches = [rows for (rows,) in epoch_plan(*lengths, budget, seed=0, epoch=0)]
        self.watched = 0 if config.model.attention.score in CONTROLS else WATCHED

    def __call__(self, model: nn.Module) -> ValidationResult:
        """Every figure, two samples, and how the attention is spread."""
        seq2seq = cast(Seq2Seq, model)
        known = self._known_targets(seq2seq)
        translator = Translator(seq2seq, self.tokenisers, self.search)
        translations = translator.translate([pair.source for pair in self.decoded], beam=1)
        written, references = [t.text for t in translations], [pair.target for pair in self.decoded]
        looks = known.looks
        return ValidationResult(
            loss=known.nll / known.tokens,
            accuracy=known.right / known.tokens,
            bleu=bleu(written, references).value,
            chrf=chrf(written, references).value,
            exact_match=exact_match(written, references).value,
            wer=wer(written, references).value,
            cer=cer(written, references).value,
            samples=tuple(self._samples(translations)),
            attention=attention_statistics([w for w, _ in looks], [v for _, v in looks]) if looks else None,
        )

    @torch.inference_mode()
    def _known_targets(self, model: Seq2Seq) -> _Known:
        known = _Known()
        device = model.head.weight.device
        for rows in self.batches:
            known.add(model, self.corpus.batch(rows).to(device), self.watched)
        return known

    def _samples(self, translations: Sequence[Translation]) -> list[Sample]:
        """One sentence of middling length and one longer one, the same every time."""
        order = sorted(range(len(self.decoded)), key=lambda row: len(self.decoded[row].source))
        chosen = dict.fromkeys(order[int(share * (len(order) - 1))] for share in (0.4, 0.8))
        return [
            Sample(
                source=self.decoded[row].source,
                reference=self.decoded[row].target,
                output=translations[row].text,
                word_links=self._word_links(translations[row]),
            )
            for row in chosen
        ]

    def _word_links(self, translation: Translation) -> tuple[tuple[str, str], ...]:
        """Each output word with the source word it was most attended from; tokens, where those are characters."""
        if translation.attention is None:
            return ()
        words, source = translation.words, translation.source_words
        if self.tokenisers.source.config.kind == "characters":
            words, source = _each_token(translation.tokens), _each_token(translation.source_tokens)
        links = links_from_attention(translation.attention, source.word_of_token, words.word_of_token).sure
        return tuple((words.texts[t], source.texts[s]) for s, t in sorted(links, key=lambda link: link[1]))


def _each_token(tokens: Sequence[str]) -> Words:
    """Every token as a word of its own, end-of-sentence too."""
    return Words(tuple(tokens), tuple(range(len(tokens))))


@dataclass
class _Known:
    """Sums over target tokens whose predecessors were fed in, and the weights (T, S) of some sentences."""

    nll: float = 0.0
    right: int = 0
    tokens: int = 0
    looks: list[tuple[NDArray[np.float32], NDArray[np.bool_]]] = field(default_factory=list)

    def add(self, model: Seq2Seq, batch: Batch, watched: int) -> None:
        unrolled = model.unroll(batch)
        log_probabilities = model.log_probabilities(unrolled.combined[batch.target_valid])
        labels = batch.target[batch.target_valid]
        self.nll += float(-log_probabilities.gather(1, labels.unsqueeze(1)).sum())
        self.right += int((log_probabilities.argmax(dim=1) == labels).sum())
        self.tokens += len(labels)
        if unrolled.weights is not None and len(self.looks) < watched:
            for weights, wrote, valid in zip(
                unrolled.weights.cpu(), batch.target_valid.cpu(), batch.source_valid.cpu(), strict=True
            ):
                self.looks.append((weights[wrote].numpy(), valid.numpy()))
