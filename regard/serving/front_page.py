"""The page at `/`: the attention of one sentence, and of any other that is typed into it."""

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

_INLINE = re.compile(r"<(script|style)[^>]*>(.*?)</\1>", re.DOTALL)
_NUM_WORDS = range(4, 13)  # of the first sentence

_PLAIN_PAGE = """\
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
<p>The model is being served, but its attention cannot be shown (it may be an ensemble).
<code>POST /v1/translate</code> translates; <a href="/openapi.json">openapi.json</a> describes the whole API.</p>
</html>
"""


def front_page(translator: Translator, sentence: str = "") -> str:
    """Return the live page; it starts with `sentence`, or without one with frequent tokens of the vocabulary."""
    first = len(SPECIALS)
    sentence = sentence or translator.tokenisers.source.decode(range(first, first + _NUM_WORDS.start))
    try:
        return attention_page(translator.trace(sentence), title="regard", live=Live())
    except RegardError:
        return _PLAIN_PAGE


def first_sentence(folder: str | Path) -> str:
    """Return a short source from the validation pairs in a model folder; empty if there is none."""
    try:
        stored = json.loads((Path(folder) / "data" / "validation.json").read_text(encoding="utf-8"))
        sources = [str(source) for source, _ in stored["pairs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return next((source for source in sources if len(source.split()) in _NUM_WORDS), "")


def content_security_policy(page: str) -> str:
    """Return the Content-Security-Policy that allows, by hash, the inline scripts and styles of this page only."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        allowed[kind].append(f"'sha256-{digest}'")
    rules = {f"{kind}-src": " ".join(hashes) or "'none'" for kind, hashes in allowed.items()}
    fixed = "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return "; ".join(["default-src 'none'", *(f"{name} {value}" for name, value in rules.items()), fixed])
