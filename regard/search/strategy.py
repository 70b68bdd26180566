"""Which search is run, with which parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from regard.config import SearchConfig
from regard.errors import SearchError
from regard.records.search_options import OPTIONS, SearchOptions
from regard.records.text import Hypothesis
from regard.search.beam import BeamObserver, beam_search
from regard.search.beam_groups import BeamGroups
from regard.search.constraints import LexicalConstraints, constrained_search
from regard.search.greedy import greedy_search
from regard.search.ranking import Ranking
from regard.search.sample import Sampling, sample, uniform_draws
from regard.search.stepper import Stepper


@dataclass(frozen=True)
class SearchStrategy:
    """One way to decode, the same for every sentence: sampling if that is set, else a beam, which is greedy if 1."""

    beam_size: int
    num_best: int
    ranking: Ranking
    groups: BeamGroups
    sampling: Sampling | None
    seed: int

    @staticmethod
    def of(search: SearchConfig, options: SearchOptions) -> SearchStrategy:
        """Build what the options ask for; what they leave open is as in the recipe. Raises SearchError.

        Unless the options set a beam, the recipe's is widened to hold `num_best` and to be cut into `groups`.
        """
        defaults = {name: option.default for name, option in OPTIONS.items()}
        values = {**defaults, **vars(search), **options}
        num_best, groups = values["num_best"], BeamGroups(values["groups"], values["diversity"])
        sampling = None
        if values["sample"]:
            sampling = Sampling(values["temperature"], values["top_k"], values["top_p"])
            if num_best < 1:
                raise SearchError(f"search: cannot draw {num_best} samples; expected 1 or more")
        beam_size = values["beam"]
        if "beam" not in options:
            beam_size = -(-max(beam_size, num_best) // groups.num_groups) * groups.num_groups
        if values["seed"] < 0:
            raise SearchError(f"search: seed {values['seed']}: expected 0 or more")
        ranking = Ranking(values["length_penalty"], values["length_form"], values["coverage_penalty"])
        return SearchStrategy(beam_size, num_best, ranking, groups, sampling, values["seed"])

    def run(
        self,
        stepper: Stepper,
        limits: Sequence[int],
        sources: Sequence[Sequence[int]],
        observer: BeamObserver | None = None,
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each sentence, given its tokens; an `observer` sees every step of a beam."""
        ranking = self.ranking_for(sources)
        if self.sampling is not None:
            draws = [
                uniform_draws(self.seed, ids, limit, self.num_best)
                for ids, limit in zip(sources, limits, strict=True)
            ]
            return sample(stepper, limits, draws, self.sampling, ranking)
        if self.beam_size == self.num_best == 1 and observer is None:
            return [[one] for one in greedy_search(stepper, limits, ranking)]
        return beam_search(stepper, limits, self.beam_size, ranking, self.num_best, self.groups, observer)

    def run_constrained(
        self,
        stepper: Stepper,
        limits: Sequence[int],
        sources: Sequence[Sequence[int]],
        constraints: Sequence[LexicalConstraints],
    ) -> list[list[Hypothesis]]:
        """Return the hypotheses of each sentence under its lexical constraints."""
        ranking = self.ranking_for(sources)
        return constrained_search(stepper, limits, constraints, self.beam_size, ranking, self.num_best)

    def ranking_for(self, sources: Sequence[Sequence[int]]) -> Ranking:
        """Return the ranking for sentences of these source tokens."""
        return replace(self.ranking, source_lengths=tuple(len(ids) for ids in sources))
