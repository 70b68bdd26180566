"""Search options as command-line flags, derived from their declaration in `records.search_options`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from docstring_parser import parse

from regard.cli import Parser
from regard.config import SearchConfig
from regard.errors import DataError
from regard.records.search_options import OPTIONS, OUTPUT_TEXT, SAMPLING, SEARCH, Option, SearchOptions

_METAVARS = {int: "N", float: "X"}


def add_search_options(parser: Parser) -> None:
    """Add a flag for each option of `Translator.translate`; those that are not set are as in the model's recipe."""
    groups = {
        title: parser.add_argument_group(title).add_argument for title in (SEARCH, SAMPLING, OUTPUT_TEXT)
    }
    for name, (_, option) in _declared().items():
        if option.group is not None:
            add_search_option(groups[option.group], name)
    add_ensemble_option(groups[SEARCH])


def add_search_option(add: Callable[..., object], name: str) -> None:
    """Add the flag of one option, and for a list of texts also one that reads them from a file."""
    kind, option = _declared()[name]
    flag = f"--{name.replace('_', '-')}"
    default = "" if option.default is None or option.default is False else f" (default: {option.default})"
    keywords = _argparse_keywords(kind, option)
    add(flag, default=None, help=(option.help + default).replace("%", "%%"), **keywords)
    if keywords.get("action") == "append":
        add(f"{flag}-file", type=Path, metavar="FILE", help=f"a file of texts for {flag}, one per line")


def add_ensemble_option(add: Callable[..., object]) -> None:
    """Add --ensemble, for `options.load_model`."""
    add("--ensemble", nargs="+", default=[], metavar="MODEL", help="more models, averaged with MODEL")


def search_options(options: Namespace) -> dict[str, Any]:
    """Return the search options that were set, files read. Raises DataError for a file that cannot be parsed."""
    from regard.data.phrases import read_lexicon, read_phrases

    if not all(map(is_text, [options.prefix or "", *(options.ban or [])])):
        raise DataError("--prefix and --ban: expected UTF-8; convert them first, for example with iconv")
    found: dict[str, Any] = {}
    for name in _declared():
        value, file = getattr(options, name, None), getattr(options, f"{name}_file", None)
        if file is not None:
            value = [*(value or []), *read_phrases(file)]
        if isinstance(value, Path):
            value = read_lexicon(value)
        if value not in (None, []):
            found[name] = value
    return found


def is_text(argument: str) -> bool:
    """Whether an argument was valid UTF-8; Python turns other bytes into lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


@cache
def _declared() -> dict[str, tuple[Any, Option]]:
    """Return the type and the declaration of every option; what a recipe sets too is described in `SearchConfig`."""
    kinds, recipe_kinds = get_type_hints(SearchOptions), get_type_hints(SearchConfig)
    meanings = {entry.arg_name: entry.description or "" for entry in parse(SearchConfig.__doc__ or "").params}
    declared = {}
    for name, kind in kinds.items():
        if name in recipe_kinds:
            meaning = " ".join(meanings[name].split())
            declared[name] = recipe_kinds[name], Option(f"{meaning} (default: the model's recipe)")
        else:
            declared[name] = kind, OPTIONS[name]
    return declared


def _argparse_keywords(kind: Any, option: Option) -> dict[str, Any]:
    """Return how argparse reads a value of this type."""
    if kind is bool:
        return {"action": "store_true"}
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    if get_origin(kind) is Mapping:
        return {"type": Path, "metavar": "FILE"}
    if get_origin(kind) is Sequence:
        return {"action": "append", "metavar": "TEXT"}
    if kind in _METAVARS:
        return {"type": kind, "metavar": option.metavar or _METAVARS[kind]}
    return {"metavar": "TEXT"}
