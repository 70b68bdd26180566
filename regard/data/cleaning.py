"""Dropping sentence pairs that are unfit for training, and counting them by reason."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from regard.errors import ConfigError
from regard.records.text import Pair

STRIPPED = "control characters stripped"
# C0 and C1 controls without tab and line ends, byte-order marks, and noncharacters of Unicode
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_LETTERS = ("Lu", "Ll", "Lt", "Lo")
_WIDTHS = re.compile("^(FULLWIDTH|HALFWIDTH) ")
_OTHER_NAMES = {"HAN": "CJK"}  # scripts whose characters have another name in Unicode


class Cleaner:
    """Cleans or drops pair by pair; `counts` has the number of dropped pairs by reason, and of changed ones.

    `control_characters` is strip, drop or keep. A side is of the wrong script when fewer than half of its letters
    belong to `source_scripts` or `target_scripts`. Duplicates are recognised by 64-bit hashes. A pair is counted
    under its first reason only. Raises ConfigError for an unknown script.
    """

    def __init__(
        self,
        control_characters: str = "strip",
        source_scripts: Sequence[str] = (),
        target_scripts: Sequence[str] = (),
        drop_duplicates: bool = False,
        drop_equal: bool = False,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._control_characters = control_characters
        self._source_script = _Script(source_scripts) if source_scripts else None
        self._target_script = _Script(target_scripts) if target_scripts else None
        self._drop_duplicates = drop_duplicates
        self._drop_equal = drop_equal
        self._seen: set[int] = set()

    def clean(self, pair: Pair) -> Pair | None:
        """Return the pair as it is trained on, or None if it is dropped."""
        if self._control_characters != "keep" and (
            _CONTROL.search(pair.source) or _CONTROL.search(pair.target)
        ):
            if self._control_characters == "drop":
                self.counts["control characters"] += 1
                return None
            pair = replace(pair, source=_stripped(pair.source), target=_stripped(pair.target))
            self.counts[STRIPPED] += 1
        reason = self._reason(pair)
        if reason:
            self.counts[reason] += 1
            return None
        return pair

    def _reason(self, pair: Pair) -> str:
        """Return why a pair is dropped; empty if it is kept."""
        source, target = pair.source.partition("\t")[0].strip(), pair.target.strip()
        if not pair.source.strip() or not target:
            return "empty"
        if self._drop_equal and source == target:
            return "source equals target"
        for script, text in ((self._source_script, source), (self._target_script, target)):
            if script is not None and not script.fits(text):
                return "wrong script"
        if self._drop_duplicates:
            before = len(self._seen)
            self._seen.add(hash((pair.source, pair.target)))
            if len(self._seen) == before:
                return "duplicate"
        return ""


class _Script(dict[str, int]):
    """Maps a character to 1 for a letter of the scripts, -1 for another letter, 0 for no letter."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._prefixes = tuple(_OTHER_NAMES.get(name.upper(), name.upper()) + " " for name in names)
        for name, prefix in zip(names, self._prefixes, strict=True):
            if not any(_letter_name(chr(code)).startswith(prefix) for code in range(sys.maxunicode + 1)):
                raise ConfigError(
                    f"data.source_script, data.target_script: unknown script {name!r}; expected scripts as Unicode "
                    "names them, such as Latin, Cyrillic, Greek, Arabic, Hebrew, Devanagari, Han, Hiragana, Hangul"
                )

    def __missing__(self, character: str) -> int:
        name = _letter_name(character)
        self[character] = (1 if name.startswith(self._prefixes) else -1) if name else 0
        return self[character]

    def fits(self, text: str) -> bool:
        """Return whether at least half of the letters belong to the scripts."""
        return sum(map(self.__getitem__, text)) >= 0


def _letter_name(character: str) -> str:
    """Return a letter's Unicode name, which begins with its script; empty for no letter."""
    if unicodedata.category(character) not in _LETTERS:
        return ""
    return _WIDTHS.sub("", unicodedata.name(character, ""))


def _stripped(text: str) -> str:
    """Remove control characters; those that are white space become a space."""
    return _CONTROL.sub(lambda match: " " if match[0].isspace() else "", text)
