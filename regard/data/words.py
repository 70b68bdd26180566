"""The words and characters that tokens make up."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from regard.data.features import split_features
from regard.data.tokeniser import NOT_TEXT, Tokeniser
from regard.records.text import Words


def words_of(tokeniser: Tokeniser, text: str, ids: Sequence[int]) -> Words:
    """Return the words of a text, and the word of each of its tokens.

    Where the tokens make up another number of words than the text has (odd bytes), the words are the tokens joined.
    """
    word_ids = tokeniser.word_ids(ids)
    num_words = max(word_ids, default=-1) + 1
    texts = text.split()
    if len(texts) != num_words:
        texts = _joined_tokens(tokeniser.tokens(ids), word_ids, num_words)
    return Words(tuple(texts), tuple(word_ids))


def output_units(tokeniser: Tokeniser, text: str, ids: Sequence[int]) -> Words:
    """Return the words of an output, or what each token stands for where tokens are characters."""
    if tokeniser.config.kind != "characters":
        return words_of(tokeniser, text, ids)
    return Words(tuple(tokeniser.decode([i]) for i in ids if i not in NOT_TEXT), _enumerated(ids))


def input_units(tokeniser: Tokeniser, text: str, ids: Sequence[int], decomposed: bool) -> Words:
    """Return the part of an input that each token stands for: a word, or a character where tokens are characters.

    Features come last. The parts are spelt as in the input where normalising keeps the number of words or characters,
    else as normalised. A character whose tokens are NFD is returned whole for each of them, or `decomposed`.
    """
    plain, features = split_features(text) if tokeniser.reads_features else (text, [])
    forms = (plain, tokeniser.normalise(plain))
    if tokeniser.config.kind != "characters":
        word_ids = tokeniser.word_ids(ids)
        num_words = max(word_ids, default=-1) + 1 - len(features)
        fitting = next((words for form in forms if len(words := form.split()) == num_words), None)
        if fitting is None:
            return words_of(tokeniser, tokeniser.normalise(text), ids)
        return Words((*fitting, *features), tuple(word_ids))
    num_characters = sum(i not in NOT_TEXT for i in ids) - len(features)
    split = [_characters(tokeniser, form, decomposed) for form in forms]
    found = next((one for one in split if len(one) == num_characters), list(tokeniser.token_form(plain)))
    return Words((*found, *features), _enumerated(ids))


def _joined_tokens(tokens: Sequence[str], word_ids: Sequence[int], num_words: int) -> list[str]:
    joined = [""] * num_words
    for token, word in zip(tokens, word_ids, strict=True):
        if word >= 0:
            joined[word] += token
    return joined


def _characters(tokeniser: Tokeniser, text: str, decomposed: bool) -> list[str]:
    """Return what each token of a text stands for, if normalising leaves all its characters."""
    if tokeniser.config.normalise != "NFD":
        return list(text)
    composed = unicodedata.normalize("NFC", text)
    return [part if decomposed else one for one in composed for part in unicodedata.normalize("NFD", one)]


def _enumerated(ids: Sequence[int]) -> tuple[int, ...]:
    """Return the unit of each token where every token is a unit; -1 for those that stand for no text."""
    units = iter(range(len(ids)))
    return tuple(-1 if i in NOT_TEXT else next(units) for i in ids)
