"""Recipes as YAML files: read with dotted overrides, checked, described and written.

Reading runs no code: only nested mappings of our own keys are accepted, before the parser sees the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from argparse import ArgumentError
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import yaml

from regard.config import Config
from regard.errors import ConfigError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

RENAMED_KEYS = {
    "data.max_pieces": "data.max_tokens",
    "model.decoder.query": "model.decoder.query_step",
}
"""Keys of earlier versions and what they are called now. Only the last part of a key may change."""

_AT_LEAST_ONE = (
    "_pairs",
    "max_tokens",
    "batch_tokens",
    "accumulate",
    "plateau_patience",
    "beam",
    "batch_size",
)


def load(recipe: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe, a file or the name of a packaged one, with overrides such as `--model.dropout=0.3`.

    Without a recipe the defaults are used. Raises ConfigError for an unknown or renamed key and for a value of the
    wrong type.
    """
    if recipe is None:
        return _parse([], overrides, "")
    file, name = find_recipe(recipe), str(recipe)
    _check_file(_read_yaml(file, name), name)
    return _parse([f"--config={file}"], overrides, name)


def load_saved(file: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe that `dump` wrote, perhaps in an earlier version: keys that were renamed since are understood.

    Raises ConfigError as `load` does; overrides must use the present names.
    """
    content = _read_yaml(file, str(file))
    renamed = _rename_keys(content)
    _check_file(content, str(file))
    config = None if overrides else _build(content, Config())
    if isinstance(
        config, Config
    ):  # the parser takes a fifth of a second, and is needed for what people write
        check_numbers(config)
        return config
    source = yaml.safe_dump(content) if renamed else file
    return _parse([f"--config={source}"], overrides, str(file))


def _build(content: object, defaults: object) -> object | None:
    """Build a config from a mapping whose values have exactly the types of its fields; None if one has another."""
    if not isinstance(content, dict):
        return None
    kinds, values = get_type_hints(type(defaults)), {}
    for key, value in content.items():
        default = getattr(defaults, key)
        if dataclasses.is_dataclass(default):
            value = _build(value, default)
        elif not _has_type(value, kinds[key]):
            return None
        if value is None:
            return None
        values[key] = value
    return dataclasses.replace(defaults, **values)  # type: ignore[type-var]


def _has_type(value: object, kind: object) -> bool:
    if get_origin(kind) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(kind))
    if get_origin(kind) is list:
        (element,) = get_args(kind)
        return isinstance(value, list) and all(_has_type(each, element) for each in value)
    kinds = get_args(kind)
    return any(_has_type(value, each) for each in kinds) if kinds else type(value) is kind


def dump(config: Config) -> str:
    """Write a recipe as YAML with every key spelled out; loading it gives the same config."""
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)


def check_numbers(config: Config) -> None:
    """Raise ConfigError for numbers below 0, or below 1 where 0 makes no sense; `build` checks the model's sizes."""
    for key, value in _leaves(config):
        least = int(key.endswith(_AT_LEAST_ONE))
        if isinstance(value, int | float) and value < least and not key.startswith("model."):
            raise ConfigError(f"{key}: expected a number of at least {least}, got {value}")


def packaged_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    inside = Path(__file__).parent / "recipes"
    folder = inside if inside.is_dir() else Path(__file__).parent.parent / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find_recipe(recipe: str | Path) -> Path:
    """Return the file of a recipe given by path or packaged name. Raises ConfigError listing the packaged ones."""
    path = Path(recipe)
    if path.is_file():
        return path
    known = packaged_recipes()
    if str(recipe) in known:
        return known[str(recipe)]
    if path.suffix in (".yaml", ".yml"):
        raise ConfigError(f"{path}: no such file; check the path, or name one of {', '.join(known)}")
    raise ConfigError(
        f"no recipe {str(recipe)!r}; {_did_you_mean(str(recipe), known)}expected a YAML file or one of "
        f"{', '.join(known)}; the defaults are used when none is given"
    )


def known_keys() -> list[str]:
    """Return every dotted key of a recipe."""
    return [key for key, _ in _leaves(Config())]


def hint(unknown_key: str) -> str:
    """Say what to write in place of an unknown key: its new name, or the known key most like it."""
    if unknown_key in RENAMED_KEYS:
        return f"it is now called {RENAMED_KEYS[unknown_key]}"
    return f"{_did_you_mean(unknown_key, known_keys(), cutoff=0.7)}`regard train --keys` lists all keys"


def describe_keys(width: int = 79) -> str:
    """Describe every key of a recipe in plain text: its meaning, the names it accepts and its default."""
    return "\n\n".join(_describe_section(Config(), "", width))


def _describe_section(section: object, prefix: str, width: int) -> Iterator[str]:
    """Yield a paragraph for this section, if it has keys of its own, and for each section inside it."""
    from docstring_parser import parse

    docstring, types = parse(section.__doc__ or ""), get_type_hints(type(section))
    meanings = {entry.arg_name: entry.description or "" for entry in docstring.params}
    lines, subsections = [f"{prefix.removesuffix('.')}: {docstring.short_description}"], []
    for name, value in _entries(section):
        if dataclasses.is_dataclass(value):
            subsections.append((value, f"{prefix}{name}."))
            continue
        names = _accepted_names(types[name])
        meaning = " ".join(meanings[name].split()) + (f"; one of {', '.join(names)}" if names else "")
        text = f"--{prefix}{name}: {meaning} (default: {json.dumps(value)})"
        lines += wrap(text, width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
    if len(lines) > 1:
        yield "\n".join(lines)
    for value, inner in subsections:
        yield from _describe_section(value, inner, width)


def _accepted_names(annotation: object) -> list[str]:
    """Return the names that a Literal, alone or within a union, allows."""
    kinds = (annotation, *get_args(annotation))
    return [str(name) for kind in kinds if get_origin(kind) is Literal for name in get_args(kind)]


def _entries(section: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of each field of a section."""
    for field in dataclasses.fields(section):  # type: ignore[arg-type]
        yield field.name, getattr(section, field.name)


def _leaves(section: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every dotted key within a section with its value."""
    for name, value in _entries(section):
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


# Reading and checking


def _read_yaml(file: Path, name: str) -> object:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{name}: not a YAML file ({' '.join(str(error).split())})") from None
    return {} if content is None else content


def _rename_keys(content: object) -> bool:
    """Give renamed keys of a recipe their new names, in place; return whether there were any."""
    renamed = False
    for old, new in RENAMED_KEYS.items():
        *sections, name = old.split(".")
        section = content
        for key in sections:
            section = section.get(key) if isinstance(section, dict) else None
        if isinstance(section, dict) and name in section:
            section[new.split(".")[-1]] = section.pop(name)
            renamed = True
    return renamed


def _check_file(content: object, name: str) -> None:
    """Refuse everything but nested mappings of our own keys, before the parser sees the file.

    The parser would import whatever a key `class_path` names, and follow a file name to another recipe; a recipe
    from a stranger must do neither.
    """
    try:
        _check_section(content, Config(), "")
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def _check_section(content: object, defaults: object, prefix: str) -> None:
    where = f'"{prefix.removesuffix(".")}": ' if prefix else ""
    if content is None:
        raise ValueError(f"{where}expected a value, got none; leave the key out for the default")
    if not isinstance(content, dict):
        raise ValueError(f"{where}expected keys with values, got {content}")
    known = dict(_entries(defaults))
    for key, value in content.items():
        if key not in known:
            raise ValueError(f"unknown key {prefix}{key}; {hint(f'{prefix}{key}')}")
        if dataclasses.is_dataclass(known[key]):
            _check_section(value, known[key], f"{prefix}{key}.")


def parser() -> ArgumentParser:
    """Return the parser of a recipe, with a dotted key for every field of `Config`; its help describes them all."""
    from jsonargparse import ArgumentParser

    recipe_parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, add_help=False)
    recipe_parser.add_argument("--config", action="config", help="a recipe, as YAML")
    for name, defaults in _entries(Config()):
        recipe_parser.add_argument(f"--{name}", type=type(defaults), default=defaults)
    return recipe_parser


def _parse(arguments: Sequence[str], overrides: Sequence[str], recipe: str) -> Config:
    """Parse a recipe with overrides; errors in the file, not in overrides, begin with the recipe's name."""
    try:
        recipe_parser = parser()
        parsed = recipe_parser.parse_args([*arguments, *overrides])
        _check_parsed(parsed, Config())
        sections = recipe_parser.instantiate(parsed)
    except (ArgumentError, TypeError, ValueError) as error:
        message = _explain(error)
        blamed = recipe and not _blames_override(message, overrides)
        raise ConfigError(f"{recipe}: {message}" if blamed else message) from None
    config = Config(**{name: sections[name] for name, _ in _entries(Config())})
    check_numbers(config)
    return config


def _check_parsed(parsed: Namespace, defaults: object, prefix: str = "") -> None:
    """Refuse what the parser lets pass: a key without a value, and a plain value in place of a section."""
    for name, default in _entries(defaults):
        key, value = prefix + name, parsed[name]
        if value is None:
            raise ValueError(f'"{key}": expected a value, got none; leave the key out for the default')
        if dataclasses.is_dataclass(default):
            if isinstance(value, list | str | int | float):
                raise ValueError(f'"{key}": expected keys with values, got {value}')
            _check_parsed(value, default, f"{key}.")


# The parser's complaints in our own words

_NOT_A_KNOWN_NAME = r"Expected one of \[(.+?)\]\. Got value: (\S+)"
_FITS_NO_TYPE = (
    r"Does not validate against any of the Union subtypes Subtypes: \[(\w+), typing\.Literal\[(.+?)\]\]"
    r".* Given value: (.+)"
)


def _explain(error: Exception) -> str:
    """Return the parser's message on one line, without its jargon, and with a hint for an unknown key."""
    text = " ".join(str(error).split())
    for jargon, plain in (("Parser key ", ""), ("<class '", ""), ("'>", ""), ("a typing.Literal", "one of ")):
        text = text.replace(jargon, plain)
    text = re.sub(_FITS_NO_TYPE, r"Expected a \1 or one of [\2]. Got value: \3", text)
    text = re.sub(_NOT_A_KNOWN_NAME, _explain_unknown_name, text)
    unknown_key = re.search(r"unrecognized arguments: --([\w.]+)", text)
    return f"{text}; {hint(unknown_key[1])}" if unknown_key else text


def _explain_unknown_name(complaint: re.Match[str]) -> str:
    known, got = re.findall(r"'([^']+)'", complaint[1]), complaint[2]
    return f"unknown name {got!r}; {_did_you_mean(got, known)}known names: {', '.join(known)}"


def _did_you_mean(typed: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `did you mean X? ` with the known word most like the typed one; nothing if none is like it."""
    near = difflib.get_close_matches(typed, list(known), n=1, cutoff=cutoff)
    return f"did you mean {near[0]}? " if near else ""


def _blames_override(message: str, overrides: Sequence[str]) -> bool:
    """Whether a message is about something typed on the command line, not about the file."""
    keys = [o.removeprefix("--").split("=")[0] for o in overrides if o.startswith("--")]
    return "unrecognized arguments" in message or any(key in message for key in keys)
