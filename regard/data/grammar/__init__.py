"""The embedded corpus: a synchronous German-English grammar that generates sentence pairs with gold word links.

>>> from regard.data.grammar import generate
>>> pair = next(generate(1, seed=1))
"""

from __future__ import annotations

from regard.data.grammar.derivation import HELD_OUT
from regard.data.grammar.lexicon import lexicon_size
from regard.data.grammar.sampling import LONGEST, SHORTEST, generate, split_of

__all__ = ["HELD_OUT", "LONGEST", "SHORTEST", "generate", "lexicon_size", "split_of"]
