"""The words and characters that tokens make up."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from regard.data.tokeniser import Tokeniser, split_features
from regard.records.text import END, PAD, START, Words

_MARKS = (PAD, START, END)


def words_of(tokeniser: Tokeniser, text: str, ids: Sequence[int]) -> Words:
    """The words of a text; where its tokens make up another number of them (odd bytes), the tokens joined."""
    places = tokeniser.word_of(ids)
    texts = text.split()
    if len(texts) != max(places, default=-1) + 1:
        tokens = tokeniser.tokens(ids)
        joined = [""] * (max(places, default=-1) + 1)
        for token, place in zip(tokens, places, strict=True):
            if place >= 0:
                joined[place] += token
        texts = joined
    return Words(tuple(texts), tuple(places))


def written_units(tokeniser: Tokeniser, text: str, ids: Sequence[int]) -> Words:
    """The words of a text that was written, or what each token wrote where those are characters."""
    if tokeniser.config.kind != "characters":
        return words_of(tokeniser, text, ids)
    return Words(tuple(tokeniser.decode([i]) for i in ids if i not in _MARKS), _counted(ids))


def typed_units(tokeniser: Tokeniser, text: str, ids: Sequence[int], apart: bool) -> Words:
    """What was typed for each token of a text: the word, or the character where those are the tokens; features last.

    It is as typed where normalising leaves words or characters in their places, and else as normalised. Of a
    character whose tokens are NFD it is the whole, or only their own parts if they are wanted `apart`.
    """
    plain, features = split_features(text) if tokeniser.reads_features else (text, [])
    typed = (plain, tokeniser.normalise(plain))
    if tokeniser.config.kind != "characters":
        places = tokeniser.word_of(ids)
        number = max(places, default=-1) + 1 - len(features)
        found = next((words for one in typed if len(words := one.split()) == number), None)
        if found is None:
            return words_of(tokeniser, tokeniser.normalise(text), ids)
        return Words((*found, *features), tuple(places))
    number = sum(i not in _MARKS for i in ids) - len(features)
    split = [_characters(tokeniser, one, apart) for one in typed]
    found = next((one for one in split if len(one) == number), list(tokeniser.spelt(plain)))
    return Words((*found, *features), _counted(ids))


def _characters(tokeniser: Tokeniser, text: str, apart: bool) -> list[str]:
    """For each token that a text has, were all its characters kept, what it stands for."""
    if tokeniser.config.normalise != "NFD":
        return list(text)
    whole = unicodedata.normalize("NFC", text)
    return [part if apart else one for one in whole for part in unicodedata.normalize("NFD", one)]


def _counted(ids: Sequence[int]) -> tuple[int, ...]:
    """Places of tokens that are a unit each."""
    places = iter(range(len(ids)))
    return tuple(-1 if i in _MARKS else next(places) for i in ids)
