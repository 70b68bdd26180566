"""Recipes as YAML files: read with dotted overrides, checked, listed and written.

Reading runs no code: only nested mappings of our own keys are accepted, before the parser sees the file.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from argparse import ArgumentError
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, get_args, get_origin, get_type_hints

import yaml

from regard.config import Config
from regard.errors import ConfigError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace


def load(recipe: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe, a file or the name of a packaged one, with overrides such as `--model.dropout=0.3`.

    Without a recipe the defaults are used. Raises ConfigError for an unknown key or a value of the wrong kind.
    """
    arguments = []
    if recipe is not None:
        file = find_recipe(recipe)
        _check_keys(file, str(recipe))
        arguments = [f"--config={file}"]
    try:
        reader = parser()
        parsed = reader.parse_args([*arguments, *overrides])
        _check_filled(parsed, Config())
        read = reader.instantiate(parsed)
    except (ArgumentError, TypeError, ValueError) as error:
        where = f"{recipe}: " if recipe is not None and not _names_override(error, overrides) else ""
        raise ConfigError(where + _withadvice(_one_line(error))) from None
    config = Config(**{section.name: read[section.name] for section in dataclasses.fields(Config)})
    check_numbers(config)
    return config


def check_numbers(config: Config) -> None:
    """Raise ConfigError for a negative number, or a 0 where there must be at least 1; `build` checks the model's."""
    for key, value in _leaves(config):
        least = int(key.endswith(_FROM_ONE))
        if isinstance(value, int | float) and value < least and not key.startswith("model."):
            raise ConfigError(f"{key}: expected a number from {least} on, got {value}")


def dump(config: Config) -> str:
    """The recipe as YAML with every key written out; `load` of it gives the same config."""
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False, allow_unicode=True)


def parser() -> ArgumentParser:
    """The parser of a recipe: dotted keys for every field of `Config`; its help describes them all."""
    from jsonargparse import ArgumentParser

    made = ArgumentParser(exit_on_error=False, allow_abbrev=False, add_help=False)
    made.add_argument("--config", action="config", help="a recipe, as YAML")
    for section in dataclasses.fields(Config):
        made.add_argument(f"--{section.name}", type=type(section.default), default=section.default)
    return made


def describe_keys(width: int = 79) -> str:
    """Every key of a recipe with its meaning, the names it takes and its default, as text."""
    return "\n\n".join(_described(Config(), "", width))


def _described(section: object, inside: str, width: int) -> Iterator[str]:
    """A paragraph for each section that has keys of its own."""
    from docstring_parser import parse

    said, kinds = parse(section.__doc__ or ""), get_type_hints(type(section))
    meanings = {entry.arg_name: entry.description or "" for entry in said.params}
    lines, nested = [f"{inside.removesuffix('.')}: {said.short_description}"], []
    for entry in dataclasses.fields(section):  # type: ignore[arg-type]
        value = getattr(section, entry.name)
        if dataclasses.is_dataclass(value):
            nested.append((value, f"{inside}{entry.name}."))
            continue
        kind = kinds[entry.name]
        names = [str(name) for one in (kind, *get_args(kind)) for name in _choices(one)]
        meaning = " ".join(meanings[entry.name].split()) + (f"; one of {', '.join(names)}" if names else "")
        text = f"--{inside}{entry.name}: {meaning} (default: {json.dumps(value)})"
        lines += wrap(text, width, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)
    if len(lines) > 1:
        yield "\n".join(lines)
    for value, name in nested:
        yield from _described(value, name, width)


def _choices(kind: object) -> tuple[object, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def packaged_recipes() -> dict[str, Path]:
    """Name and file of each recipe that comes with the package."""
    inside = Path(__file__).parent / "recipes"
    folder = inside if inside.is_dir() else Path(__file__).parent.parent / "recipes"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe: a path, or the name of a packaged one. Raises ConfigError naming those there are."""
    path = Path(recipe)
    if path.is_file():
        return path
    known = packaged_recipes()
    if str(recipe) in known:
        return known[str(recipe)]
    if path.suffix in (".yaml", ".yml"):
        raise ConfigError(f"{path}: no such file; check the path, or name one of {', '.join(known)}")
    near = difflib.get_close_matches(str(recipe), known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(
        f"no recipe {str(recipe)!r}; {meant}expected a YAML file or one of {', '.join(known)}; "
        "the defaults are used when none is given"
    )


def _check_keys(file: Path, name: str) -> None:
    """Refuse all but nested mappings of our own keys, before the parser sees the file.

    The parser would import whatever a key `class_path` names, and follow a file name to another recipe; a recipe
    from a stranger must do neither.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{name}: not a YAML file ({' '.join(str(error).split())})") from None
    try:
        _check_mapping({} if content is None else content, Config(), "")
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None


def _check_mapping(content: object, defaults: object, inside: str) -> None:
    if content is None:
        raise ValueError(
            f'"{inside.removesuffix(".")}": expected a value, got none; leave the key out for the default'
        )
    if not isinstance(content, dict):
        what = f'"{inside.removesuffix(".")}": expected' if inside else "expected"
        raise ValueError(f"{what} keys with values, got {content}")
    known = {entry.name for entry in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    for key, value in content.items():
        if key not in known:
            raise ValueError(f"unknown key {inside}{key}; {advice(f'{inside}{key}')}")
        default = getattr(defaults, key)
        if dataclasses.is_dataclass(default):
            _check_mapping(value, default, f"{inside}{key}.")


def _check_filled(parsed: Namespace, defaults: object, inside: str = "") -> None:
    """Refuse what the parser lets pass: a key without a value, and something else where keys should be."""
    for entry in dataclasses.fields(defaults):  # type: ignore[arg-type]
        key, value, default = inside + entry.name, parsed[entry.name], getattr(defaults, entry.name)
        if value is None:
            raise ValueError(f'"{key}": expected a value, got none; leave the key out for the default')
        if dataclasses.is_dataclass(default):
            if isinstance(value, list | str | int | float):
                raise ValueError(f'"{key}": expected keys with values, got {value}')
            _check_filled(value, default, f"{key}.")


_FROM_ONE = ("_pairs", "max_tokens", "batch_tokens", "accumulate", "plateau_patience", "beam", "batch_size")


def _leaves(section: object, inside: str = "") -> Iterator[tuple[str, object]]:
    """Every dotted key below a section with its value."""
    for entry in dataclasses.fields(section):  # type: ignore[arg-type]
        key, value = inside + entry.name, getattr(section, entry.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _withadvice(message: str) -> str:
    """What the parser says, and of an unknown option what to do about it."""
    typed = re.search(r"unrecognized arguments: --([\w.]+)", message)
    return f"{message}; {advice(typed[1])}" if typed else message


def known_keys() -> list[str]:
    """Every dotted key of a recipe."""
    return [key for key, _ in _leaves(Config())]


def advice(unknown: str) -> str:
    """The known key that looks most like an unknown one, and where all are listed."""
    near = difflib.get_close_matches(unknown, known_keys(), n=1, cutoff=0.7)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}`regard train --keys` lists all keys"


def _one_line(error: Exception) -> str:
    """What the parser says, on one line and without its jargon."""
    text = " ".join(str(error).split())
    for jargon, plain in (("Parser key ", ""), ("<class '", ""), ("'>", ""), ("a typing.Literal", "one of ")):
        text = text.replace(jargon, plain)
    text = re.sub(_UNION, r"Expected a \1 or one of [\2]. Got value: \3", text)
    return re.sub(_CHOICE, _named_choice, text)


# how it complains of a value that is none of the known names
_CHOICE = r"Expected one of \[(.+?)\]\. Got value: (\S+)"


def _named_choice(complaint: re.Match[str]) -> str:
    names, came = re.findall(r"'([^']+)'", complaint[1]), complaint[2]
    near = difflib.get_close_matches(came, names, n=1)
    return (
        f"unknown name {came!r}; {f'did you mean {near[0]}? ' if near else ''}known names: {', '.join(names)}"
    )


# how the parser complains of a value that fits none of several types
_UNION = (
    r"Does not validate against any of the Union subtypes Subtypes: \[(\w+), typing\.Literal\[(.+?)\]\]"
    r".* Given value: (.+)"
)


def _names_override(error: Exception, overrides: Sequence[str]) -> bool:
    """Whether the parser complains of something typed on the command line, not of the file."""
    keys = [o.removeprefix("--").split("=")[0] for o in overrides if o.startswith("--")]
    return "unrecognized arguments" in str(error) or any(key in str(error) for key in keys)
