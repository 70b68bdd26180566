"""Searches: greedy, beam, forced. They drive anything that can start, step and select, and know no model."""

from regard.search.beam import beam_search
from regard.search.diverse import Groups
from regard.search.forced import forced_decode
from regard.search.greedy import greedy_search
from regard.search.ranking import Ranking
from regard.search.stepper import Stepper

__all__ = ["Groups", "Ranking", "Stepper", "beam_search", "forced_decode", "greedy_search"]
