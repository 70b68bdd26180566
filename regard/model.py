"""The whole model: encoder, decoder, vocabulary, loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from regard import kernels
from regard.decoders import Decoder
from regard.encoders import Encoder
from regard.records.tensors import Batch, Candidates, DecoderState, Loss, Memory, Prediction, Unrolled
from regard.records.text import UNWRITABLE, DecodedTokens
from regard.recurrent import Dropout


class Seq2Seq(nn.Module):
    """An encoder reads the source, a decoder writes the target, `head` scores the vocabulary at each step.

    Calling it with a batch returns the loss; `encode` and `stepper` are for search.
    """

    def __init__(
        self,
        embedding: nn.Embedding,
        encoder: Encoder,
        decoder: Decoder,
        head: nn.Linear,
        dropout: Dropout,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.decoder = decoder
        self.head = head
        self.dropout = dropout
        self.label_smoothing = label_smoothing

    def forward(self, batch: Batch) -> Loss:
        """Return the loss over all real target tokens; the output layer runs once, for all steps.

        In a fixed batch it runs over padding too, which adds nothing to the loss.
        """
        combined: Tensor = self.dropout(self.unroll(batch).combined)  # (B, T, H)
        if batch.fixed:
            combined = combined.flatten(0, 1)
            labels = batch.target.masked_fill(~batch.target_valid, kernels.NO_LABEL).flatten()
        else:
            labels = batch.target[batch.target_valid]
            combined = kernels.remove_padding(combined, batch.target_valid)
        total, nll = kernels.cross_entropy(
            combined, self.head.weight, self.head.bias, labels, self.label_smoothing
        )
        return Loss(total, nll, len(labels))

    def unroll(self, batch: Batch) -> Unrolled:
        """Return combined vectors (B, T, H) and weights (B, T, S), with the true target as input."""
        memory = self.encode(batch.source, batch.source_valid)
        return self.decoder.unroll(batch.previous, memory)

    def encode(self, source: Int[Tensor, "B S"], valid: Bool[Tensor, "B S"]) -> Memory:
        """Return the memory of each sentence, with the keys of the attention."""
        return self.encode_embedded(self.dropout(self.embedding(source)), valid)

    def encode_embedded(self, embedded: Float[Tensor, "B S E"], valid: Bool[Tensor, "B S"]) -> Memory:
        """Encode tokens that are embedded already, for callers that need gradients of the embeddings."""
        memory: Memory = self.encoder(embedded, valid)
        return self.decoder.prepare(memory)

    def log_probabilities(self, combined: Float[Tensor, "... H"]) -> Float[Tensor, "... V"]:
        """Return the log-probability of every token of the vocabulary, in nats, at least in float32."""
        return kernels.log_softmax(self.head(combined))

    def backends(self) -> dict[str, kernels.Choice]:
        """Say which form the loops of training and the steps of a search take on the model's device, and why."""
        return {
            "encoder": self.encoder.loop_backend(self.embedding.weight),
            "decoder": self.decoder.loop_backend(),
            "search": self.decoder.search_backend(),
        }

    def stepper(self, memory: Memory) -> ModelStepper:
        """Return what a search drives to translate the sentences of this memory."""
        sentences = torch.arange(len(memory.valid), device=memory.valid.device)
        return ModelStepper(self, memory, sentences, self.decoder.fused_step(memory, self.head))


@dataclass(frozen=True)
class ModelStepper:
    """A model over a memory, as a search drives it: start, step, select.

    `sentences` are the indices in the `whole` memory of those still being decoded.
    """

    model: Seq2Seq
    whole: Memory
    sentences: Int[Tensor, " B"]
    fused: kernels.FusedStep | None

    @cached_property
    def memory(self) -> Memory:
        """The memory of the sentences that are still being decoded."""
        all_sentences = torch.arange(len(self.whole.valid), device=self.sentences.device)
        if torch.equal(self.sentences, all_sentences):
            return self.whole
        return self.whole.select(self.sentences)

    @property
    def num_sentences(self) -> int:
        """B, the number of sentences that are still being decoded."""
        return len(self.sentences)

    def start(self) -> DecoderState:
        """Return the state before the first token, one row a sentence."""
        return self.model.decoder.start(self.memory)

    def step(self, tokens: Int[Tensor, " R"], state: DecoderState) -> Prediction:
        """Decode one token further for every row."""
        prediction = None if self.fused is None else self.fused.step(tokens, state, self.sentences)
        if prediction is not None:
            return prediction
        step = self.model.decoder.step(tokens, state, self.memory)
        log_probabilities = self.model.log_probabilities(step.combined.squeeze(1))
        return Prediction(log_probabilities, step.state, step.attention)

    def best(self, tokens: Int[Tensor, " R"], state: DecoderState, number: int) -> Candidates:
        """Decode one token further for every row, and return only the best tokens."""
        candidates = None if self.fused is None else self.fused.best(tokens, state, self.sentences, number)
        if candidates is not None:
            return candidates
        step = self.model.decoder.step(tokens, state, self.memory)
        best = kernels.best(self.model.head(step.combined.squeeze(1)), number, UNWRITABLE)
        return Candidates(*best, step.state, step.attention)

    def greedy(
        self, tokens: Int[Tensor, " R"], state: DecoderState, limits: Sequence[int]
    ) -> list[DecodedTokens] | None:
        """Run the rest of a greedy search as one operation; None where it must be taken step by step."""
        if self.fused is None:
            return None
        return self.fused.greedy(tokens, state, self.sentences, limits)

    def select(self, sentences: Tensor) -> ModelStepper:
        """Return the stepper for some of the sentences."""
        return replace(self, sentences=self.sentences[sentences])
