"""What a beam search considered for one sentence, kept and dropped, as a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from regard.records.text import END, PAD, BeamNode, BeamTree
from regard.search.beam_state import Beam
from regard.search.ranking import Ranking
from regard.search.stepper import writable


class BeamRecorder:
    """Looks on while one sentence is searched for, and notes of every slot its `number` best continuations.

    The search calls it at every step; `tree` then says what there was. What is kept is always among it, what has
    probability 0 never.
    """

    def __init__(self, ranking: Ranking, number: int) -> None:
        self.ranking = ranking
        self.number = number
        self.step = 0
        self.beam = 1
        self.of_slot: dict[int, int] = {}  # the node that each slot ends in
        self.nodes: list[BeamNode] = []
        self.tokens: list[int] = []

    def __call__(
        self, log_probabilities: Float[Tensor, "R V"], before: Beam, after: Beam, parents: Tensor
    ) -> None:
        """Note one step, from the slots (1, beam) before and after it; `parents` (1, beam) are those continued."""
        if self.step == 0:
            self.beam = before.totals.shape[1]
            self.of_slot = {slot: -1 for slot, total in enumerate(before.totals[0]) if total > -torch.inf}
        kept = {
            (parent, token): slot
            for slot, (parent, token, total) in enumerate(
                zip(parents[0].tolist(), after.tokens[0].tolist(), after.totals[0].tolist(), strict=True)
            )
            if total > -torch.inf
        }
        steps = writable(log_probabilities).cpu()
        nodes: dict[int, int] = {}
        for slot, node in self.of_slot.items():
            if before.finished[0, slot]:
                nodes |= {kept[slot, PAD]: node} if (slot, PAD) in kept else {}
            else:
                nodes |= self._continue(slot, node, steps[slot], before, kept)
        self.of_slot = nodes
        self.step += 1

    def tree(self, best: Sequence[int], shown: Callable[[Sequence[int]], Sequence[str]]) -> BeamTree:
        """The tree, with the tokens as they are `shown`, and the path of the `best` tokens marked."""
        child = {
            (node.parent, token): node.id
            for node, token in zip(self.nodes, self.tokens, strict=True)
            if node.kept
        }
        path, place = set(), -1
        for token in best:
            place = child[place, token]
            path.add(place)
        return BeamTree(
            self.beam,
            tuple(
                replace(node, token=token, best=node.id in path)
                for node, token in zip(self.nodes, shown(self.tokens), strict=True)
            ),
        )

    def _continue(
        self, slot: int, node: int, steps: Tensor, before: Beam, kept: dict[tuple[int, int], int]
    ) -> dict[int, int]:
        """Note how a slot may go on; returns the node of every slot that it went on into."""
        best = steps.topk(min(self.number, len(steps))).indices.tolist()
        considered = dict.fromkeys([*best, *(token for parent, token in kept if parent == slot)])
        totals = before.totals[0, slot].cpu() + steps
        received = None if before.received is None else before.received[0, slot].cpu()
        scores = self.ranking.scores(totals, torch.tensor(self.step + 1), received)
        nodes = {}
        for token in considered:
            if (total := totals[token].item()) > -torch.inf:
                into = kept.get((slot, token))
                if into is not None:
                    nodes[into] = len(self.nodes)
                self._note(node, token, total, scores[token].item(), into is not None)
        return nodes

    def _note(self, parent: int, token: int, total: float, score: float, kept: bool) -> None:
        self.nodes.append(
            BeamNode(len(self.nodes), parent, self.step, "", total, score, kept, token == END, best=False)
        )
        self.tokens.append(token)
