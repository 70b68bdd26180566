"""The page at `/`."""

from __future__ import annotations

import base64
import hashlib
import re

_PART = re.compile(r"<(script|style)[^>]*>(.*?)</\1>", re.DOTALL)

_PAGE = """\
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
<p>The model is being served. <code>POST /v1/translate</code> translates;
<a href="/openapi.json">openapi.json</a> describes what else there is.</p>
</html>
"""


def front_page() -> str:
    """The page, whole: nothing is loaded beside it."""
    return _PAGE


def policy_of(page: str) -> str:
    """The Content-Security-Policy that lets the scripts and styles of this page run, by hash, and nothing else."""
    allowed: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in _PART.findall(page):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        allowed[kind].append(f"'sha256-{digest}'")
    rules = {f"{kind}-src": " ".join(hashes) or "'none'" for kind, hashes in allowed.items()}
    fixed = "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return "; ".join(["default-src 'none'", *(f"{name} {value}" for name, value in rules.items()), fixed])
