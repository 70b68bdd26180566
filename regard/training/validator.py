"""Validation of a model in training: the loss on known targets, and metrics of its own translations."""

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
from regard.training.attention_statistics import attention_statistics
from regard.training.batch_budget import tokens_per_batch
from regard.training.reports import Sample, ValidationResult
from regard.translator import Translator

NUM_ATTENTIONS = 200  # sentences, at least, whose attention is diagnosed
CONTROLS = ("uniform", "none")  # score functions whose attention cannot be learnt


class Validator:
    """Evaluates a model, which should be in eval mode, on the validation pairs.

    Loss and accuracy are over all pairs, teacher-forced; the other metrics are of greedy translations of the first
    `training.validation_sentences`.
    """

    def __init__(self, pairs: Sequence[Pair], tokenisers: Tokenisers, config: Config) -> None:
        self.pairs = pairs
        self.tokenisers = tokenisers
        self.search = config.search
        self.decoded = pairs[: config.training.validation_sentences or len(pairs)]
        self.corpus = Corpus.encode(pairs, tokenisers.source, tokenisers.target, max_tokens=sys.maxsize)
        lengths = self.corpus.source_lengths, self.corpus.target_lengths
        budget = tokens_per_batch(config.training)
        self.batches = [rows for (rows,) in epoch_plan(*lengths, budget, seed=0, epoch=0)]
        self.num_attentions = 0 if config.model.attention.score in CONTROLS else NUM_ATTENTIONS

    def __call__(self, model: nn.Module) -> ValidationResult:
        """Compute every metric, two samples, and the statistics of the attention."""
        seq2seq = cast(Seq2Seq, model)
        forced = self._teacher_forced(seq2seq)
        translator = Translator(seq2seq, self.tokenisers, self.search)
        translations = translator.translate([pair.source for pair in self.decoded], beam=1)
        outputs, references = [t.text for t in translations], [pair.target for pair in self.decoded]
        weights, valid = forced.weights, forced.valid
        return ValidationResult(
            loss=forced.nll / forced.num_tokens,
            accuracy=forced.num_correct / forced.num_tokens,
            bleu=bleu(outputs, references).value,
            chrf=chrf(outputs, references).value,
            exact_match=exact_match(outputs, references).value,
            wer=wer(outputs, references).value,
            cer=cer(outputs, references).value,
            samples=tuple(self._samples(translations)),
            attention=attention_statistics(weights, valid) if weights else None,
        )

    @torch.inference_mode()
    def _teacher_forced(self, model: Seq2Seq) -> _TeacherForced:
        forced = _TeacherForced()
        device = model.head.weight.device
        for rows in self.batches:
            forced.add(model, self.corpus.batch(rows).to(device), self.num_attentions)
        return forced

    def _samples(self, translations: Sequence[Translation]) -> list[Sample]:
        """Return a sentence of medium length and a longer one, the same at every validation."""
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
        """Pair each output word with the source word it attends to most; with tokens, if they are characters."""
        if translation.attention is None:
            return ()
        words, source = translation.words, translation.source_words
        if self.tokenisers.source.config.kind == "characters":
            words, source = _each_token(translation.tokens), _each_token(translation.source_tokens)
        links = links_from_attention(translation.attention, source.word_of_token, words.word_of_token).sure
        return tuple((words.texts[t], source.texts[s]) for s, t in sorted(links, key=lambda link: link[1]))


def _each_token(tokens: Sequence[str]) -> Words:
    """Make every token a word of its own, including end-of-sentence."""
    return Words(tuple(tokens), tuple(range(len(tokens))))


@dataclass
class _TeacherForced:
    """Sums over teacher-forced target tokens; attention weights (T, S) and `valid` (S,) of some sentences."""

    nll: float = 0.0
    num_correct: int = 0
    num_tokens: int = 0
    weights: list[NDArray[np.float32]] = field(default_factory=list)
    valid: list[NDArray[np.bool_]] = field(default_factory=list)

    def add(self, model: Seq2Seq, batch: Batch, num_attentions: int) -> None:
        unrolled = model.unroll(batch)
        log_probabilities = model.log_probabilities(unrolled.combined[batch.target_valid])
        labels = batch.target[batch.target_valid]
        self.nll += float(-log_probabilities.gather(1, labels.unsqueeze(1)).sum())
        self.num_correct += int((log_probabilities.argmax(dim=1) == labels).sum())
        self.num_tokens += len(labels)
        if unrolled.weights is not None and len(self.weights) < num_attentions:
            for weights, target_valid, source_valid in zip(
                unrolled.weights.cpu(), batch.target_valid.cpu(), batch.source_valid.cpu(), strict=True
            ):
                self.weights.append(weights[target_valid].numpy())
                self.valid.append(source_valid.numpy())
