"""The package speaks the field's language: no word of its old dialect in names, docstrings, comments or errors.

docs/glossary.md says which words are ours. A failure lists each offence as `file:line word → what to write instead`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

import regard

PACKAGE = Path(regard.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted({path.relative_to(PACKAGE).parts[0] for path in MODULES})

# Parts of a name, as cut at underscores and capitals, and what the field says.
NAMES = {
    "asked": "request, requested",
    "beginning": "prefix, start, initial",
    "beside": "concat",
    "considered": "recorder, recorded",
    "evened": "rounded",
    "followed": "streaming, streamed",
    "given": "input",
    "guard": "middleware",
    "handicap": "penalty",
    "hope": "upper_bound",
    "how": "options",
    "intervened": "overridden",
    "joining": "join",
    "look": "weights, attend",
    "looked": "weights, attended",
    "looking": "attention",
    "looks": "weights, attention",
    "lowered": "inference_precision",
    "made": "output, result, or what it is",
    "meter": "metrics",
    "piece": "token",
    "pieces": "tokens",
    "place": "position, index, or path",
    "places": "positions, indices",
    "placing": "reinsert_markup",
    "quick": "fused_step",
    "refusal": "error",
    "refusals": "errors",
    "room": "buffer",
    "tally": "sufficient_statistics",
    "told": "reported, response",
    "unmet": "missing_terms",
    "wanted": "requested, required, target",
}
# Words that mean something else elsewhere: only these rooms may not use them, as part of a name …
NAMES_IN = {
    "kernels": {
        "enter": "input_gate",
        "layouts": "packed_weight",
        "leave": "output_gate",
        "pages": "output_buffer",
        "reading": "inference",
        "rise": "layer_input",
        "written": "output",
    },
    "decoders": {"pages": "output_buffer", "reading": "inference"},
    "search": {"writer": "hypothesis_builder"},
}
# … or as a whole name.
WHOLE_NAMES_IN = {
    "kernels": {
        "against": "dot_scores",
        "broad": "dequantize",
        "drawn": "dropout_scale",
        "even": "padded, rounded",
        "falling": "packed",
        "form": "backend",
        "full": "at_least_float32",
        "larger": "maximum",
        "narrow": "quantize",
        "note": "append",
        "summed": "weighted_sum",
        "through": "double_backward",
        "turn": "transpose",
        "wide": "to_float32",
    },
    "decoders": {"note": "append"},
    "training": {"stopping": "signals"},
}
# Docstrings and comments.
PROSE = {
    r"\bpieces?\b": "token",
    r"\b(?:handicap|unmet|refusals?|tally|evened)\b": "see the names above",
    r"\b(?:a|the|this|one|each|every|its|no|next|whose|of) looks?\b": "attention weights",
    r"\blooks\b(?=[.,;:]| \(| of\b| in\b| are\b| were\b)": "attention weights",
    r"(?<!in )(?<!in-)(?<!into )(?<!takes )(?<!one )(?<!decimal )\bplaces?\b": "position, index, location",
    r"\bso many\b": "N, or the parameter's name",
    r"\bof like\b": "similar",
    r"\bas told\b": "as requested",
    r"\bbeside\b": "next to, with, compared with",
}
PROSE_IN = {"kernels": {r"\brooms?\b": "buffer, memory"}}
# The first line of a docstring.
FRAGMENTS = {
    r"The same(?:[.,;:]| (?:as|for|from|in|of|to|with)\b)": "say what it does",
    r"(?:As|Of|With|Those|By|And|But)\b": "begin with a verb or a noun",
    r"\W*\w+\W*$": "one word says nothing",
}
# Text of errors and messages.
MESSAGES = {r"\bcame\b": "got", r"\bpieces?\b": "token"}

ALLOWED = {  # file, the word: the reason
    ("data/grammar/*", "place"): "a kind of adverbial, as in time, manner, place",
    ("data/grammar/*", "came"): "an English verb of its lexicon",
    ("data/grammar/*", "places"): "a kind of noun, as in persons, things, places",
    ("search/banned_phrases.py", "look"): "to look ahead",
    ("search/beam_recorder.py", "considered"): "tokens that were considered, and not all kept",
    ("search/phrase_matcher.py", "joining"): "of tokens, as letters join",
    ("data/sentencepiece.py", "piece"): "the word of sentencepiece's files",
    ("data/sentencepiece.py", "pieces"): "the word of sentencepiece's files",
}


def parts_of(name: str) -> list[str]:
    """Split `HypothesisBuilder`, `hypothesis_builder` or `_HYPOTHESIS_BUILDER` into its two words, in lower case."""
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every name that a module defines, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every docstring, with the line on which it begins."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield node.body[0].lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield every comment, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def messages(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every string that is not a docstring, with its line."""
    documentation = {line for line, _ in docstrings(tree)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.lineno not in documentation
        ):
            yield node.lineno, node.value


def matches(
    texts: Iterator[tuple[int, str]], patterns: Mapping[str, str], start: bool = False
) -> Iterator[tuple[int, str, str]]:
    """Yield line, word and advice of every match; with `start`, only of matches at the beginning of a text."""
    for first, text in texts:
        for offset, line in enumerate(text.splitlines()[: 1 if start else None]):
            for pattern, use in patterns.items():
                for match in [re.match(pattern, line)] if start else re.finditer(pattern, line):
                    if match:
                        yield first + offset, match.group().strip(), use


def offences(module: Path, source: str) -> Iterator[str]:
    """Yield `file:line word → what to write instead` for every word of the old dialect in a module."""
    file = module.relative_to(PACKAGE)
    room, tree = file.parts[0].removesuffix(".py"), ast.parse(source)
    words, whole = NAMES | NAMES_IN.get(room, {}), WHOLE_NAMES_IN.get(room, {})
    prose = PROSE | PROSE_IN.get(room, {})
    found: set[tuple[int, str, str]] = set()
    for line, name in [*((1, part) for part in file.with_suffix("").parts), *names(tree)]:
        found |= {(line, part, f"{name} → {words[part]}") for part in parts_of(name) if part in words}
        if (bare := name.strip("_").lower()) in whole:
            found.add((line, bare, f"{name} → {whole[bare]}"))
    for line, word, use in [
        *matches(docstrings(tree), prose),
        *matches(docstrings(tree), FRAGMENTS, start=True),
        *matches(comments(source), prose),
        *matches(messages(tree), MESSAGES),
    ]:
        found.add((line, word, f"“{word}” → {use}"))
    for line, word, advice in sorted(found):
        if not any(fnmatch(str(file), pattern) and word == allowed for pattern, allowed in ALLOWED):
            yield f"{file}:{line} {advice}"


@pytest.mark.parametrize("room", ROOMS)
def test_the_old_dialect_does_not_come_back(room: str) -> None:
    found = [
        offence
        for module in MODULES
        if module.relative_to(PACKAGE).parts[0] == room
        for offence in offences(module, module.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join([f"{len(found)} words of the old dialect:", *found])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("looks = 1", ["search/x.py:1 looks → weights, attention"]),
        ("def f(handicap): ...", ["search/x.py:1 handicap → penalty"]),
        ("class Writer:\n    '''Keep the beam.'''", ["search/x.py:1 Writer → hypothesis_builder"]),
        ("def f():\n    '''The same.'''", ["search/x.py:2 “The same.” → say what it does"]),
        ("def f():\n    '''Of its numbers.'''", ["search/x.py:2 “Of” → begin with a verb or a noun"]),
        ("x = 1  # the place of a token", ["search/x.py:1 “place” → position, index, location"]),
        ("raise ValueError(f'expected 1, {2} came')", ["search/x.py:1 “came” → got"]),
        ("def select(rows):\n    '''Keep these rows, in place of all.'''\n    weights = replace(rows)", []),
    ],
)
def test_an_offence_is_seen(source: str, expected: list[str]) -> None:
    assert list(offences(PACKAGE / "search" / "x.py", source)) == expected


# A name that modules give to different things, and why that is right.
SHARED_NAMES: dict[str, str] = {}


def public_types(source: str) -> Iterator[tuple[str, str]]:
    """Yield the classes and type aliases of a module, each with its meaning: a class's code, an alias's type."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            yield node.name, ast.unparse(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, ast.unparse(node.value)


def test_a_name_means_one_thing() -> None:
    defined: dict[str, dict[str, str]] = defaultdict(dict)
    for module in MODULES:
        file = str(module.relative_to(PACKAGE))
        for name, meaning in public_types(module.read_text(encoding="utf-8")):
            if re.match(r"[A-Z][A-Za-z]*[a-z]", name) and name not in SHARED_NAMES:
                defined[name].setdefault(meaning, file)
    twice = {name: files.values() for name, files in defined.items() if len(files) > 1}
    assert not twice, "\n".join(f"{name}: {', '.join(files)}" for name, files in sorted(twice.items()))
