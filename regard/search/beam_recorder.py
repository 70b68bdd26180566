"""Records the hypotheses that a beam search of one sentence considered, kept and dropped, as a tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from regard.records.text import END, PAD, BeamNode, BeamTree
from regard.search.beam_state import Beam
from regard.search.ranking import Ranking
from regard.search.stepper import mask_unwritable


class BeamRecorder:
    """Observes the beam search of one sentence and records the `num_candidates` best continuations of every slot.

    Pass it to `beam_search` as `observer`, then call `tree`. Continuations that were kept are always recorded, those
    of probability 0 never.
    """

    def __init__(self, ranking: Ranking, num_candidates: int) -> None:
        self.ranking = ranking
        self.num_candidates = num_candidates
        self.step = 0
        self.beam_size = 1
        self.node_of_slot: dict[int, int] = {}
        self.nodes: list[BeamNode] = []
        self.tokens: list[int] = []

    def __call__(
        self, log_probabilities: Float[Tensor, "R V"], before: Beam, after: Beam, parents: Tensor
    ) -> None:
        """Record one step, which turned the beam `before` into `after`; `parents` (1, beam) are slots of `before`."""
        if self.step == 0:
            self.beam_size = before.totals.shape[1]
            self.node_of_slot = {
                slot: -1 for slot, total in enumerate(before.totals[0]) if total > -torch.inf
            }
        kept = {
            (parent, token): slot
            for slot, (parent, token, total) in enumerate(
                zip(parents[0].tolist(), after.tokens[0].tolist(), after.totals[0].tolist(), strict=True)
            )
            if total > -torch.inf
        }
        gains = mask_unwritable(log_probabilities).cpu()
        nodes: dict[int, int] = {}
        for slot, node in self.node_of_slot.items():
            if before.finished[0, slot]:
                nodes |= {kept[slot, PAD]: node} if (slot, PAD) in kept else {}
            else:
                nodes |= self._record_slot(slot, node, gains[slot], before, kept)
        self.node_of_slot = nodes
        self.step += 1

    def tree(self, best: Sequence[int], to_text: Callable[[Sequence[int]], Sequence[str]]) -> BeamTree:
        """Return the tree, its token ids turned `to_text` and the path of the `best` hypothesis marked."""
        child_of = {
            (node.parent, token): node.id
            for node, token in zip(self.nodes, self.tokens, strict=True)
            if node.kept
        }
        path, node_id = set(), -1
        for token in best:
            node_id = child_of[node_id, token]
            path.add(node_id)
        return BeamTree(
            self.beam_size,
            tuple(
                replace(node, token=token, best=node.id in path)
                for node, token in zip(self.nodes, to_text(self.tokens), strict=True)
            ),
        )

    def _record_slot(
        self, slot: int, node: int, gains: Tensor, before: Beam, kept: dict[tuple[int, int], int]
    ) -> dict[int, int]:
        """Record the continuations of one slot; return the new slot and the node of each that was kept."""
        best = gains.topk(min(self.num_candidates, len(gains))).indices.tolist()
        considered = dict.fromkeys([*best, *(token for parent, token in kept if parent == slot)])
        totals = before.totals[0, slot].cpu() + gains
        coverage = None if before.coverage is None else before.coverage[0, slot].cpu()
        scores = self.ranking.scores(totals, torch.tensor(self.step + 1), coverage)
        nodes = {}
        for token in considered:
            if (total := totals[token].item()) > -torch.inf:
                new_slot = kept.get((slot, token))
                if new_slot is not None:
                    nodes[new_slot] = len(self.nodes)
                self._append(node, token, total, scores[token].item(), new_slot is not None)
        return nodes

    def _append(self, parent: int, token: int, total: float, score: float, kept: bool) -> None:
        self.nodes.append(
            BeamNode(len(self.nodes), parent, self.step, "", total, score, kept, token == END, best=False)
        )
        self.tokens.append(token)
