"""A translated line as output: its text, or a JSON object with everything known about it."""

from __future__ import annotations

import json
from typing import Any, Literal

from regard.records.text import Translation

OutputFormat = Literal["text", "jsonl"]


def format_translation(translation: Translation, output_format: OutputFormat) -> str:
    """Format a translation as one line, without its newline.

    Text separates the n-best translations by tabs; tabs and newlines within one become spaces.
    """
    if output_format == "jsonl":
        return json.dumps(_to_json(translation), ensure_ascii=False)
    if not translation.alternatives:
        return translation.text.replace("\n", " ")
    n_best = (translation, *translation.alternatives)
    return "\t".join(each.text.replace("\n", " ").replace("\t", " ") for each in n_best)


def _to_json(translation: Translation) -> dict[str, Any]:
    attention = translation.attention
    content: dict[str, Any] = {
        "source": translation.source,
        "text": translation.text,
        "log_probability": translation.log_probability,
        "log_probabilities": translation.log_probabilities,
        "score": translation.score,
        "source_tokens": translation.source_tokens,
        "tokens": translation.tokens,
        "attention": None
        if attention is None
        else [[round(w, 6) for w in row] for row in attention.tolist()],
    }
    if translation.missing_terms:
        content["missing_terms"] = translation.missing_terms
    for key, parts in (("sentences", translation.sentences), ("alternatives", translation.alternatives)):
        if parts:
            content[key] = [_to_json(part) for part in parts]
    return content
