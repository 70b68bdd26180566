"""Forced decoding: feed a known target, and record its log-probabilities and attention weights."""

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
    """Return one hypothesis per sentence that consists of exactly these tokens; END counts where a target has it."""
    builders = [HypothesisBuilder() for _ in targets]
    longest = max((len(target) for target in targets), default=0)
    state = stepper.start()
    tokens = start_tokens(len(targets), state)
    for step in range(longest):
        prediction = stepper.step(tokens, state)
        state = prediction.state
        forced = [target[step] if step < len(target) else PAD for target in targets]
        tokens = torch.tensor(forced, device=tokens.device)
        gains = prediction.log_probabilities.gather(1, tokens.unsqueeze(1)).squeeze(1).tolist()
        weights = None if prediction.attention is None else prediction.attention.weights[:, 0].cpu().numpy()
        for row, (target, gain) in enumerate(zip(targets, gains, strict=True)):
            if step < len(target):
                builders[row].append(target[step], gain, None if weights is None else weights[row])
    return [builder.build(ranking, row) for row, builder in enumerate(builders)]
