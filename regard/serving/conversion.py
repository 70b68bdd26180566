"""Convert between the records of the library and the messages of the API."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from regard.alignment import format_links, links_from_attention
from regard.records.text import Attend, Force, Intervention, Scored, Translation, Weights
from regard.serving.requests import AttendMessage, ForceMessage, InterventionMessage, WeightsMessage
from regard.serving.responses import AlignResponse, HypothesisMessage, ScoreResponse, TranslationMessage


def interventions_from(messages: Sequence[InterventionMessage]) -> tuple[Intervention, ...]:
    """Convert messages to interventions; the translator checks whether the model supports them."""
    return tuple(map(_intervention, messages))


def _intervention(message: InterventionMessage) -> Intervention:
    match message:
        case AttendMessage():
            return Attend(message.step, tuple(message.to))
        case WeightsMessage():
            return Weights(message.step, tuple(message.row))
        case ForceMessage():
            return Force(message.step, message.token)


def translation_message(translation: Translation) -> TranslationMessage:
    """Convert a translation with its alternatives."""
    alternatives = [HypothesisMessage(**_hypothesis(other)) for other in translation.alternatives]
    return TranslationMessage(**_hypothesis(translation), alternatives=alternatives)


def _hypothesis(translation: Translation) -> dict[str, Any]:
    return {
        "text": translation.text,
        "log_probability": _finite(translation.log_probability),
        "score": _finite(translation.score),
        "tokens": list(translation.tokens),
        "log_probabilities": list(map(_finite, translation.log_probabilities)),
        "source_tokens": list(translation.source_tokens),
        "words": list(translation.words.texts),
        "source_words": list(translation.source_words.texts),
        "word_of_token": list(translation.words.word_of_token),
        "source_word_of_token": list(translation.source_words.word_of_token),
        "attention": None if translation.attention is None else translation.attention.tolist(),
    }


def align_response(forced: Translation) -> AlignResponse:
    """Link the words of a forced translation by its attention; empty for an empty source."""
    if forced.attention is None:
        return AlignResponse(pharaoh="", attention=[], tokens=[], source_tokens=[])
    links = links_from_attention(
        forced.attention, forced.source_words.word_of_token, forced.words.word_of_token
    )
    return AlignResponse(
        pharaoh=format_links(links),
        attention=forced.attention.tolist(),
        tokens=list(forced.tokens),
        source_tokens=list(forced.source_tokens),
    )


def score_response(scored: Scored) -> ScoreResponse:
    """Convert the log-probabilities of a pair."""
    return ScoreResponse(
        log_probability=_finite(scored.log_probability),
        per_token=_finite(scored.per_token),
        perplexity=_finite(scored.perplexity),
        tokens=list(scored.tokens),
        log_probabilities=list(map(_finite, scored.log_probabilities)),
    )


def _finite(number: float) -> float | None:
    """Return None for infinities and NaN, which JSON cannot represent."""
    return number if math.isfinite(number) else None
