"""Texts and tokenisers that several tests share."""

from __future__ import annotations

from regard.config import TokeniserConfig
from regard.data.tokeniser import Tokeniser

KINDS = ["words", "characters", "bpe", "unigram"]
TEXTS = [
    "die alte frau lacht",
    "die alten frauen lachen < laut >",
    "Der kleine Hund bellt, die Katze schläft.",
    "</s> <pad> <unk> <s> <0x41> <0xE4> ▁ ▁a <pad>",
    "</s> <pad> <unk> <s> <0x41> <0xE4> ▁ ▁a <pad>",
    "naïve Ünïcode: 中文字符 العربية עברית",
]


def train(kind: str, texts: list[str] = TEXTS, **settings: object) -> Tokeniser:
    return Tokeniser.train(texts, TokeniserConfig(**({"kind": kind, "size": 400} | settings)))  # type: ignore[arg-type]
