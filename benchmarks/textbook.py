"""The textbook's way: sequence-to-sequence with attention as tutorials write it, the baseline of every comparison.

The encoder is an `nn.LSTM` over packed sentences; the decoder loops over `nn.LSTMCell`, attends, feeds the
attentional vector back (Luong et al. 2015) and computes logits at every step; one cross-entropy over all of them
ignores padding. Everything that a tutorial leaves inside the loop stays there: keys are projected anew at every step.
"""

from __future__ import annotations

import argparse

import torch
from child import Run, padded, serve
from task import BEAM, END, GREEDY, PAD, START, TRAIN, Shape, Task
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = tuple[
    list[tuple[Tensor, Tensor]], Tensor
]  # hidden and cell state of every layer, the vector fed back


class Encoder(nn.Module):
    """Read the source in both directions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(shape.dropout)
        between = shape.dropout if shape.layers > 1 else 0.0
        self.lstm = nn.LSTM(
            shape.embedding,
            shape.encoder,
            shape.layers,
            batch_first=True,
            bidirectional=True,
            dropout=between,
        )
        self.bridge = nn.ModuleList(nn.Linear(2 * shape.encoder, shape.decoder) for _ in range(2))

    def forward(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the encoder states (B, S, M), and the initial state of each decoder layer."""
        embedded = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, last = self.lstm(packed)
        states, _ = pad_packed_sequence(outputs, batch_first=True)
        hidden, cell = (
            torch.tanh(bridge(torch.cat([state[0::2], state[1::2]], dim=-1)))
            for bridge, state in zip(self.bridge, last, strict=True)
        )
        return states, list(zip(hidden, cell, strict=True))


class Attention(nn.Module):
    """Attend to the encoder states: additive (Bahdanau et al. 2015) or general (Luong et al. 2015)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.additive = shape.score == "additive"
        self.query = nn.Linear(
            shape.decoder, shape.attention if self.additive else 2 * shape.encoder, bias=False
        )
        self.key = nn.Linear(2 * shape.encoder, shape.attention, bias=False)
        self.v = nn.Linear(shape.attention, 1, bias=False)

    def forward(self, query: Tensor, states: Tensor, valid: Tensor) -> Tensor:
        """Return the context (B, M)."""
        if self.additive:
            scores = self.v(torch.tanh(self.query(query).unsqueeze(1) + self.key(states))).squeeze(-1)
        else:
            scores = torch.bmm(states, self.query(query).unsqueeze(2)).squeeze(2)
        weights = scores.masked_fill(~valid, float("-inf")).softmax(dim=-1)
        return torch.bmm(weights.unsqueeze(1), states).squeeze(1)


class Decoder(nn.Module):
    """Decode one token at a time."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(shape.dropout)
        first = shape.embedding + shape.decoder
        self.cells = nn.ModuleList(
            nn.LSTMCell(shape.decoder if layer else first, shape.decoder) for layer in range(shape.layers)
        )
        self.attention = Attention(shape)
        self.combine = nn.Linear(2 * shape.encoder + shape.decoder, shape.decoder)
        self.out = nn.Linear(shape.decoder, shape.vocabulary)

    def forward(self, token: Tensor, state: State, states: Tensor, valid: Tensor) -> tuple[Tensor, State]:
        """Return the logits (B, V) of the next token, and the new state."""
        layers, fed = state
        below = torch.cat([self.dropout(self.embedding(token)), fed], dim=-1)
        new_layers = []
        for cell, before in zip(self.cells, layers, strict=True):
            new_layers.append(cell(below, before))
            below = self.dropout(new_layers[-1][0])
        context = self.attention(new_layers[-1][0], states, valid)
        combined = self.dropout(torch.tanh(self.combine(torch.cat([context, new_layers[-1][0]], dim=-1))))
        return self.out(combined), (new_layers, combined)


class Textbook(nn.Module):
    """The encoder and the decoder together."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(shape), Decoder(shape)

    def start(self, source: Tensor, lengths: Tensor) -> tuple[State, Tensor, Tensor]:
        """Return the decoder's initial state, the encoder states, and where they are valid."""
        states, layers = self.encoder(source, lengths)
        return (layers, torch.zeros_like(layers[-1][0])), states, source != PAD

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """Return the logits (B, T, V) under teacher forcing."""
        state, states, valid = self.start(source, lengths)
        token, logits = torch.full_like(target[:, 0], START), []
        for step in range(target.shape[1]):
            step_logits, state = self.decoder(token, state, states, valid)
            logits.append(step_logits)
            token = target[:, step]
        return torch.stack(logits, dim=1)

    @torch.no_grad()
    def greedy(self, source: Tensor, lengths: Tensor, target_lengths: Tensor) -> Tensor:
        """Choose the most probable token until the last sentence of the batch is done: ids (B, longest)."""
        state, states, valid = self.start(source, lengths)
        token, written = torch.full_like(source[:, 0], START), []
        for step in range(int(target_lengths.max())):
            logits, state = self.decoder(token, state, states, valid)
            token = _forced(logits, step, target_lengths).argmax(dim=-1)
            written.append(token)
        return torch.stack(written, dim=1)

    @torch.no_grad()
    def beam(self, source: Tensor, lengths: Tensor, target_lengths: Tensor, beam: int) -> Tensor:
        """Search with a beam until the last sentence of the batch is done: ids (B, longest)."""
        state, states, valid = self.start(source, lengths)
        rows = torch.arange(len(source)).repeat_interleave(beam)
        state, states, valid = _select(state, rows), states[rows], valid[rows]
        target_lengths = target_lengths[rows]
        scores = torch.tensor([0.0, *[float("-inf")] * (beam - 1)]).repeat(len(source))
        token = torch.full_like(rows, START)
        written = rows.new_zeros(len(rows), 0)
        for step in range(int(target_lengths.max())):
            logits, state = self.decoder(token, state, states, valid)
            totals = _forced(logits, step, target_lengths).log_softmax(dim=-1) + scores.unsqueeze(1)
            best = totals.view(len(source), -1).topk(beam)
            parents = best.indices // logits.shape[1] + torch.arange(len(source)).unsqueeze(1) * beam
            scores, parents = best.values.flatten(), parents.flatten()
            token = best.indices.flatten() % logits.shape[1]
            state = _select(state, parents)
            written = torch.cat([written[parents], token.unsqueeze(1)], dim=1)
        return written[::beam]


def _forced(logits: Tensor, step: int, target_lengths: Tensor) -> Tensor:
    """Force end-of-sentence where the target length is reached, and forbid it elsewhere."""
    logits = logits.float()
    logits[:, END] = torch.where(step + 1 >= target_lengths, 1e4, -1e4)
    return logits


def _select(state: State, rows: Tensor) -> State:
    layers, fed = state
    return [(hidden[rows], cell[rows]) for hidden, cell in layers], fed[rows]


def make(task: Task, bfloat16: bool = False) -> Run:
    """Return what runs one of the task's batches in the textbook's way, in float32 or under bfloat16 autocast."""
    torch.manual_seed(1)
    model = Textbook(task.shape)
    sources = [padded(batch, 0) for batch in task.batches]
    targets = [padded(batch, 1) for batch in task.batches]
    optimiser = torch.optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    model.train(task.kind == TRAIN)

    def train(unit: int) -> None:
        (source, lengths), (target, _) = sources[unit], targets[unit]
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(source, lengths, target)
            loss = criterion(logits.flatten(0, 1), target.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    def greedy(unit: int) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            model.greedy(*sources[unit], targets[unit][1])

    def beam(unit: int) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            model.beam(*sources[unit], targets[unit][1], task.beam)

    return {TRAIN: train, GREEDY: greedy, BEAM: beam}[task.kind]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("task")
    arguments.add_argument("--bfloat16", action="store_true")
    options = arguments.parse_args()
    serve(lambda task: make(task, options.bfloat16), options.task)
