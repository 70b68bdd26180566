"""The tree of everything `regard` raises for a user's mistake.

RegardError
├── ConfigError      a recipe, an option or a combination of parts that cannot work
├── DataError        a corpus that cannot be read as told: names file, line and remedy
├── ModelError       a model folder that is missing, incomplete or of another version
├── ShapeError       a tensor that is not as wide as a part was built for
└── SearchError      a search asked for what it cannot do

The command line prints the message on one line and exits with 2; no traceback.
"""

from __future__ import annotations


class RegardError(Exception):
    """Something the user can mend: the message says what was expected, what came and what to do."""


class ConfigError(RegardError):
    """A recipe, an option or a combination of parts that cannot work."""


class DataError(RegardError):
    """A corpus that cannot be read as told."""


class ModelError(RegardError):
    """A model folder that is missing, incomplete, or written by another format version."""


class ShapeError(RegardError):
    """A tensor that is not as wide as the part was built for."""


class SearchError(RegardError):
    """A search asked for something it cannot do."""
