"""The page at `/`: the attention of one sentence, and from there of any that is typed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from regard.errors import RegardError
from regard.explain.attention_page import Live, attention_page
from regard.records.text import SPECIALS
from regard.translator import Translator

_PART = re.compile(r"<(script|style)[^>]*>(.*?)</\1>", re.DOTALL)
_SHORT = range(4, 13)  # words of a sentence to begin with

_PLAIN = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>regard</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
</style>
<h1>regard</h1>
<p>The model is being served; it cannot be shown from inside, as an ensemble cannot.
<code>POST /v1/translate</code> translates; <a href="/openapi.json">openapi.json</a> says what else there is.</p>
</html>
"""


def front_page(translator: Translator, sentence: str = "") -> str:
    """The live page, which begins with this sentence, or with frequent tokens of the vocabulary for want of one."""
    first = len(SPECIALS)
    sentence = sentence or translator.tokenisers.source.decode(range(first, first + _SHORT.start))
    try:
        return attention_page(translator.trace(sentence), title="regard", live=Live())
    except RegardError:
        return _PLAIN


def first_sentence(folder: str | Path) -> str:
    """A short sentence that a model folder keeps of its validation pairs; nothing if it keeps none."""
    try:
        kept = json.loads((Path(folder) / "data" / "validation.json").read_text(encoding="utf-8"))
        sources = [str(source) for source, _ in kept["pairs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return next((source for source in sources if len(source.split()) in _SHORT), "")


def policy_of(page: str) -> str:
    """The Content-Security-Policy that lets the scripts and styles of this page run, by hash, and nothing else."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _PART.findall(page):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        allowed[kind].append(f"'sha256-{digest}'")
    rules = {f"{kind}-src": " ".join(hashes) or "'none'" for kind, hashes in allowed.items()}
    fixed = "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return "; ".join(["default-src 'none'", *(f"{name} {value}" for name, value in rules.items()), fixed])
