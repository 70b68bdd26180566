"""Searches: greedy, beam, diverse, constrained, samples, forced.

They drive anything that can start, step and select, and know no model. What restricts a search (a prefix, banned
words), intervenes in it, or joins models (an ensemble) is itself a stepper around others.
"""

from regard.search.banned import Banned
from regard.search.beam import beam_search
from regard.search.beam_recorder import BeamRecorder
from regard.search.constraints import Wanted, constrained_search
from regard.search.diverse import Groups
from regard.search.ensemble import Ensemble
from regard.search.forced import forced_decode
from regard.search.greedy import greedy_search
from regard.search.overridden import Changes, Overridden, overridden
from regard.search.phrases import Phrases
from regard.search.plan import Plan
from regard.search.prefix import Prefixed
from regard.search.ranking import Ranking
from regard.search.request import SearchOptions, SearchRequest, check_size
from regard.search.restrictions import Restrictions
from regard.search.sample import Sampling, noise, sample
from regard.search.stepper import Stepper
from regard.search.streaming import Streaming, follow_search

__all__ = [
    "Banned",
    "BeamRecorder",
    "Changes",
    "Ensemble",
    "Groups",
    "Overridden",
    "Phrases",
    "Plan",
    "Prefixed",
    "Ranking",
    "Restrictions",
    "Sampling",
    "SearchOptions",
    "SearchRequest",
    "Stepper",
    "Streaming",
    "Wanted",
    "beam_search",
    "check_size",
    "constrained_search",
    "follow_search",
    "forced_decode",
    "greedy_search",
    "noise",
    "overridden",
    "sample",
]
