"""A translated line as it is written: text, or one JSON object with everything that is known of it."""

from __future__ import annotations

import json
from typing import Any, Literal

from regard.records.text import Translation

Form = Literal["text", "jsonl"]


def written(one: Translation, form: Form) -> str:
    """One line without its line end. Text has the n-best between tabs, and no tab or line feed within one."""
    if form == "jsonl":
        return json.dumps(_record(one), ensure_ascii=False)
    if not one.alternatives:
        return one.text.replace("\n", " ")
    return "\t".join(each.text.replace("\n", " ").replace("\t", " ") for each in (one, *one.alternatives))


def _record(one: Translation) -> dict[str, Any]:
    attention = (
        None if one.attention is None else [[round(w, 6) for w in row] for row in one.attention.tolist()]
    )
    record: dict[str, Any] = {
        "source": one.source,
        "text": one.text,
        "log_probability": one.log_probability,
        "log_probabilities": one.log_probabilities,
        "score": one.score,
        "source_tokens": one.source_tokens,
        "tokens": one.tokens,
        "attention": attention,
    }
    if one.missing_terms:
        record["missing_terms"] = one.missing_terms
    for key, others in (("sentences", one.sentences), ("alternatives", one.alternatives)):
        if others:
            record[key] = [_record(each) for each in others]
    return record
