"""Required terms, and those that are missing from a translation."""

from __future__ import annotations

import unicodedata

import pytest

from regard.config import TokeniserConfig
from regard.data import Tokeniser
from regard.search import Restrictions

TERM = "crème brûlée"


@pytest.mark.parametrize("kind", ["words", "characters", "bpe", "unigram"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_what_is_missing_does_not_depend_on_the_unicode_form(kind: str, form: str, typed: str) -> None:
    source = Tokeniser.train(["der Nachtisch"], TokeniserConfig(kind=kind, size=400))
    target = Tokeniser.train([f"une {TERM}"] * 2, TokeniserConfig(kind=kind, size=400, normalise=form))
    glossary = {"Nachtisch": unicodedata.normalize(typed, TERM)}  # type: ignore[arg-type]
    restrictions = Restrictions(source, target, glossary=glossary)
    written = target.decode(target.encode(f"une {TERM}"))
    assert restrictions.missing_terms("der Nachtisch", written) == ()
    assert restrictions.missing_terms("der Nachtisch", "une creme brulee") == (TERM,)
    assert restrictions.missing_terms("der", "une") == ()
