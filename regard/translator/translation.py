"""Hypotheses turned into translations: text, words, and replacements for unknown words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regard.alignment import words_for_unknown
from regard.checkpoint import Tokenisers
from regard.data.words import input_units, output_units, words_of
from regard.records.text import UNKNOWN, Hypothesis, Translation, Words
from regard.search import SearchRequest
from regard.translator.sentence import Ids, Sentence


def build_translation(
    tokenisers: Tokenisers,
    sentence: Sentence,
    hypotheses: Sequence[Hypothesis],
    request: SearchRequest | None = None,
) -> Translation:
    """Build the translation of the best hypothesis, with the others as its alternatives.

    `request` says how unknown words are replaced and which terms are required.
    """
    translations = [_translation(tokenisers, sentence, hypothesis) for hypothesis in hypotheses]
    if request is not None:
        translations = [
            _complete(tokenisers, sentence, translation, hypothesis.ids, request)
            for translation, hypothesis in zip(translations, hypotheses, strict=True)
        ]
    return replace(translations[0], alternatives=tuple(translations[1:]))


def empty_translation(text: str) -> Translation:
    """Return the translation of a text of white space only."""
    return Translation("", 0.0, 0.0, (), None, text, ())


def _translation(tokenisers: Tokenisers, sentence: Sentence, hypothesis: Hypothesis) -> Translation:
    source, target = tokenisers.source, tokenisers.target
    text = target.decode(hypothesis.ids)
    return Translation(
        text=text,
        log_probability=hypothesis.log_probability,
        score=hypothesis.score,
        tokens=tuple(target.tokens(hypothesis.ids)),
        attention=None if hypothesis.attention is None else hypothesis.attention[:, : len(sentence.ids)],
        source=sentence.text,
        source_tokens=tuple(source.tokens(sentence.ids)),
        words=words_of(target, text, hypothesis.ids),
        source_words=words_of(source, source.normalise(sentence.text), sentence.ids),
        log_probabilities=hypothesis.log_probabilities,
    )


def _complete(
    tokenisers: Tokenisers, sentence: Sentence, translation: Translation, ids: Ids, request: SearchRequest
) -> Translation:
    """Replace `<unk>` by the attended source word, or in a prefix by its own; record missing glossary terms."""
    target = tokenisers.target
    is_characters = target.config.kind == "characters"
    units = output_units(target, translation.text, ids)
    replacements = _replacements(tokenisers, sentence, translation, ids, units, request)
    if replacements:
        texts = [replacements.get(index, text) for index, text in enumerate(units.texts)]
        text = target.recompose(("" if is_characters else " ").join(texts))
        words = Words(tuple(map(target.recompose, texts)), units.word_of_token)
        translation = replace(
            translation, text=text, words=words_of(target, text, ids) if is_characters else words
        )
    missing = request.restrictions.missing_terms(translation.source, translation.text)
    return replace(translation, missing_terms=missing)


def _replacements(
    tokenisers: Tokenisers,
    sentence: Sentence,
    translation: Translation,
    ids: Ids,
    units: Words,
    request: SearchRequest,
) -> dict[int, str]:
    """Return the text for each unknown unit (a word, or a character) that has a replacement, by its index."""
    target = tokenisers.target
    unknown = {
        index for i, index in zip(ids, units.word_of_token, strict=True) if i == UNKNOWN and index >= 0
    }
    replacements: dict[int, str] = {}
    if not unknown:
        return replacements
    is_characters = target.config.kind == "characters"
    if request.lexicon is not None and translation.attention is not None:
        decomposed = is_characters and target.config.normalise == "NFD"
        source = input_units(tokenisers.source, translation.source, sentence.ids, decomposed)
        replacements = words_for_unknown(translation.attention, source, units, unknown, request.lexicon)
    if request.restrictions.prefixes:
        prefix = target.token_form(request.restrictions.prefixes[sentence.index])
        prefix_units = prefix if is_characters else prefix.split()
        replacements |= {index: text for index, text in enumerate(prefix_units) if index in unknown}
    return replacements
