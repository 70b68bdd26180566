"""Forced decoding: write a known target and see what was attended to, and how probable it was."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from regard.records.text import PAD, Hypothesis
from regard.search.hypothesis_builder import HypothesisBuilder
from regard.search.ranking import DEFAULT_RANKING, Ranking
from regard.search.stepper import Stepper, start_tokens


@torch.inference_mode()
def forced_decode(
    stepper: Stepper, targets: Sequence[Sequence[int]], ranking: Ranking = DEFAULT_RANKING
) -> list[Hypothesis]:
    """One hypothesis a sentence that writes exactly these tokens; give END at their end to have it counted."""
    writers = [HypothesisBuilder() for _ in targets]
    longest = max((len(target) for target in targets), default=0)
    state = stepper.start()
    tokens = start_tokens(len(targets), state)
    for step in range(longest):
        prediction = stepper.step(tokens, state)
        state = prediction.state
        wanted = [target[step] if step < len(target) else PAD for target in targets]
        tokens = torch.tensor(wanted, device=tokens.device)
        gains = prediction.log_probabilities.gather(1, tokens.unsqueeze(1)).squeeze(1).tolist()
        looks = None if prediction.attention is None else prediction.attention.weights[:, 0].cpu().numpy()
        for row, (target, gain) in enumerate(zip(targets, gains, strict=True)):
            if step < len(target):
                writers[row].add(target[step], gain, None if looks is None else looks[row])
    return [writer.hypothesis(ranking, row) for row, writer in enumerate(writers)]
