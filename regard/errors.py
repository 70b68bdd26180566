"""The exceptions that `regard` raises for a user's mistake.

RegardError
├── ConfigError      a recipe, an option or a combination of parts that cannot work
├── DataError        a corpus that cannot be read; names file, line and remedy
├── ModelError       a model folder that is missing, incomplete or of another version
├── ShapeError       a tensor whose size is not the one that a part was built for
└── SearchError      a search with options it cannot satisfy

The command line prints the message on one line and exits with 2; no traceback.
"""

from __future__ import annotations


class RegardError(Exception):
    """An error that the user can fix: the message says what was expected, what was found and what to do."""


class ConfigError(RegardError):
    """A recipe, an option or a combination of parts that cannot work."""


class DataError(RegardError):
    """A corpus that cannot be read."""


class ModelError(RegardError):
    """A model folder that is missing, incomplete, or written by another format version."""


class ShapeError(RegardError):
    """A tensor whose size is not the one that a part was built for."""


class SearchError(RegardError):
    """A search with options it cannot satisfy."""
