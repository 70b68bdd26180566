"""Searches: greedy, beam, diverse, constrained, samples, forced.

They drive anything that can start, step and select, and know no model. What restricts a search (a prefix, banned
words), intervenes in it, or joins models (an ensemble) is itself a stepper around others.
"""

from regard.search.asked import Asked, How, check_size
from regard.search.banned import Banned
from regard.search.beam import beam_search
from regard.search.constraints import Wanted, constrained_search
from regard.search.diverse import Groups
from regard.search.ensemble import Ensemble
from regard.search.followed import Followed, follow_search
from regard.search.forced import forced_decode
from regard.search.greedy import greedy_search
from regard.search.intervened import Changes, Intervened, overridden
from regard.search.phrases import Phrases
from regard.search.plan import Plan
from regard.search.prefix import Prefixed
from regard.search.ranking import Ranking
from regard.search.restrictions import Restrictions
from regard.search.sample import Sampling, noise, sample
from regard.search.stepper import Stepper
from regard.search.tree import Considered

__all__ = [
    "Asked",
    "Banned",
    "Changes",
    "Considered",
    "Ensemble",
    "Followed",
    "Groups",
    "How",
    "Intervened",
    "Phrases",
    "Plan",
    "Prefixed",
    "Ranking",
    "Restrictions",
    "Sampling",
    "Stepper",
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
