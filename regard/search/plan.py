"""Which search is run: what a recipe says and a caller asks for, checked and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regard.config import SearchConfig
from regard.errors import SearchError
from regard.records.text import Hypothesis
from regard.search.beam import Observe, beam_search
from regard.search.constraints import Wanted, constrained_search
from regard.search.diverse import Groups
from regard.search.greedy import greedy_search
from regard.search.ranking import Ranking
from regard.search.sample import Sampling, noise, sample
from regard.search.stepper import Stepper

_OF_RANKING = ("length_penalty", "length_form", "coverage_penalty")
_OF_SAMPLING = ("temperature", "top_k", "top_p", "seed")
_NOT_INTERVENED = ("sample", "prefix", "ban", "glossary")
_NOT_SAMPLED = {
    "beam": "a sample is drawn, not searched for",
    "groups": "samples differ by themselves",
    "glossary": "no draw can promise a term",
    "follow": "draws do not agree on anything",
}


@dataclass(frozen=True)
class Plan:
    """One way to search, the same for every sentence; `sampling` None is a beam, of 1 greedy."""

    beam: int
    num_best: int
    ranking: Ranking
    groups: Groups
    sampling: Sampling | None
    seed: int

    @staticmethod
    def of(search: SearchConfig, request: Mapping[str, Any]) -> Plan:
        """What is asked for, the rest as in the recipe. Raises SearchError where things do not go together.

        Unless a beam is asked for, that of the recipe is widened to hold `num_best` and to be cut into `groups`.
        """
        _check_together(request)
        num_best, groups = (
            request.get("num_best", 1),
            Groups(request.get("groups", 1), request.get("diversity", 0.5)),
        )
        sampling = None
        if request.get("sample"):
            sampling = Sampling(**{key: request[key] for key in _OF_SAMPLING[:-1] if key in request})
            if num_best < 1:
                raise SearchError(f"search: cannot draw {num_best} samples; expected 1 or more")
        beam = request.get("beam", -(-max(search.beam, num_best) // groups.number) * groups.number)
        ranking = {key: request.get(key, getattr(search, key)) for key in _OF_RANKING}
        seed = request.get("seed", 1)
        if seed < 0:
            raise SearchError(f"search: seed {seed}: expected 0 or more")
        return Plan(beam, num_best, Ranking(**ranking), groups, sampling, seed)

    def run(
        self,
        stepper: Stepper,
        limits: Sequence[int],
        sources: Sequence[Sequence[int]],
        observe: Observe | None = None,
    ) -> list[list[Hypothesis]]:
        """For each sentence, whose tokens are in `sources`, its hypotheses; a beam may be looked at by `observe`."""
        ranking = self.ranking_of(sources)
        if self.sampling is not None:
            draws = [
                noise(self.seed, ids, limit, self.num_best)
                for ids, limit in zip(sources, limits, strict=True)
            ]
            return sample(stepper, limits, draws, self.sampling, ranking)
        if self.beam == self.num_best == 1 and observe is None:
            return [[one] for one in greedy_search(stepper, limits, ranking)]
        return beam_search(stepper, limits, self.beam, ranking, self.num_best, self.groups, observe)

    def run_constrained(
        self,
        stepper: Stepper,
        limits: Sequence[int],
        sources: Sequence[Sequence[int]],
        wanted: Sequence[Wanted],
    ) -> list[list[Hypothesis]]:
        """The same with phrases that each translation must contain."""
        ranking = self.ranking_of(sources)
        return constrained_search(stepper, limits, wanted, self.beam, ranking, self.num_best)

    def ranking_of(self, sources: Sequence[Sequence[int]]) -> Ranking:
        """The ranking for these sentences."""
        return replace(self.ranking, source_lengths=tuple(len(ids) for ids in sources))


def _check_together(request: Mapping[str, Any]) -> None:
    """Raise SearchError for what says nothing, or the contrary, beside the rest."""
    if request.get("sample"):
        for key, why in _NOT_SAMPLED.items():
            if key in request:
                raise SearchError(f"search: {key} beside sample: {why}; leave out one of them")
    else:
        for key in _OF_SAMPLING:
            if key in request:
                raise SearchError(f"search: {key} says how to sample; ask for sample too, or leave it out")
    if request.get("intervene"):
        for key in _NOT_INTERVENED:
            if request.get(key):
                raise SearchError(
                    f"search: {key} beside intervene: both say what is written; leave out one of them"
                )
    if "diversity" in request and "groups" not in request:
        raise SearchError(
            "search: diversity says how far groups keep apart; ask for groups too, or leave it out"
        )
    if "follow" in request and "glossary" in request:
        raise SearchError(
            "search: follow beside glossary: nothing is certain before the terms are written; leave out one of them"
        )
    if "groups" in request and "glossary" in request:
        raise SearchError(
            "search: groups beside glossary: all groups would have to write the same terms; leave out one of them"
        )
