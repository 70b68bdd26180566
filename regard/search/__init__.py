"""Searches: greedy, beam, diverse, lexically constrained, sampling, forced.

They decode with any `Stepper`, and know no model. What restricts a search (a prefix, banned phrases), overrides the
model's attention or tokens, or combines models (an ensemble) is a stepper that wraps others.
"""

from regard.records.search_options import SearchOptions
from regard.search.banned_phrases import BannedPhrases
from regard.search.beam import beam_search
from regard.search.beam_groups import BeamGroups
from regard.search.beam_recorder import BeamRecorder
from regard.search.constraints import LexicalConstraints, constrained_search
from regard.search.ensemble import Ensemble
from regard.search.forced import forced_decode
from regard.search.greedy import greedy_search
from regard.search.interventions import StepOverrides
from regard.search.overridden import Overridden, override_weights
from regard.search.phrase_matcher import PhraseMatcher
from regard.search.prefixed import Prefixed
from regard.search.ranking import Ranking
from regard.search.request import SearchRequest, check_batch_size
from regard.search.restrictions import Restrictions
from regard.search.sample import Sampling, sample, uniform_draws
from regard.search.stepper import Stepper
from regard.search.strategy import SearchStrategy
from regard.search.streaming import OnToken, Streaming, stream_search

__all__ = [
    "BannedPhrases",
    "BeamGroups",
    "BeamRecorder",
    "Ensemble",
    "LexicalConstraints",
    "OnToken",
    "Overridden",
    "PhraseMatcher",
    "Prefixed",
    "Ranking",
    "Restrictions",
    "Sampling",
    "SearchOptions",
    "SearchRequest",
    "SearchStrategy",
    "StepOverrides",
    "Stepper",
    "Streaming",
    "beam_search",
    "check_batch_size",
    "constrained_search",
    "forced_decode",
    "greedy_search",
    "override_weights",
    "sample",
    "stream_search",
    "uniform_draws",
]
