"""A whole file or stream translated, line by line."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import torch

from regard.atomic_writes import Write, atomic_text
from regard.data.text import open_text
from regard.documents.lines import DEFAULT, TextOptions, Watch, translate_lines
from regard.documents.missing_terms import Unmet, Warn
from regard.documents.output_format import Form, written
from regard.documents.shards import ShardedFile, Shards
from regard.documents.streams import read_chunks
from regard.errors import ConfigError, DataError, SearchError
from regard.records.text import Translation
from regard.translator import Translator, load

_EXAMPLES = 5  # unknown words that are named


def translate_file(
    model: str | Path | Translator,
    source: str | Path | BinaryIO,
    target: str | Path | TextIO,
    options: TextOptions = DEFAULT,
    *,
    form: Form = "text",
    shards: Shards | None = None,
    warn: Warn | None = None,
    watch: Watch | None = None,
    **how: Any,
) -> int:
    """Translate a file, or a stream of bytes, line by line; how many shards are still missing, 0 when all is done.

    A target file appears when it is whole, and is packed if its name ends in `.gz` or `.xz`; what arrives at a
    stream is answered as soon as it stops coming. With `shards` what is done outlives an interruption. `warn` is
    told of sentences too long, of unknown words and of glossary terms that were not written, `watch` of lines done;
    `how` are the keywords of `Translator.translate`, a `prefix` being one text for all lines. Raises DataError for a
    file that cannot be read or written, or shards of something else; see also `translate_lines`.
    """
    if not isinstance(how.get("prefix", ""), str):
        raise SearchError(
            "search: expected one text as the prefix of all lines of a file, got a list; give one"
        )
    translator = model if isinstance(model, Translator) else load(model)
    name = str(source) if isinstance(source, str | Path) else "standard input"
    tell = None if warn is None else lambda message: warn(f"{name}, {message}")
    unknown, missing_terms = _Unknown(warn, bool(how.get("replace_unknown"))), Unmet(tell)

    def translated(lines: list[str], first_line: int) -> Iterator[Translation]:
        given = {
            "warn": tell,
            "watch": watch,
            "unknown": unknown.words,
            "missing_terms": missing_terms,
            **how,
        }
        try:
            return translate_lines(translator, lines, options, first_line=first_line, **given)
        except DataError as error:
            raise DataError(f"{name}, {error}") from None

    def translate(
        lines: Iterable[bytes], first_line: int, write: Write, flush: Callable[[], object] | None = None
    ) -> None:
        for chunk in read_chunks(lines, name, first_line):
            if first_line == 1 and tell is not None and not translator.tokenisers.source.reads_features:
                _warn_of_tables(chunk, tell)
            for one in translated(chunk, first_line):
                write(written(one, form) + "\n")
            unknown.tell_first()
            if flush is not None:
                flush()
            first_line += len(chunk)

    if shards is not None:
        if not isinstance(source, str | Path) or not isinstance(target, str | Path):
            raise ConfigError(
                "shards: expected an input file and an output file, came a stream; name both files"
            )
        facts = _facts(translator, options, form, how)
        missing = ShardedFile(Path(source), Path(target), shards, facts).translate(translate, watch)
        unknown.tell_all()
        missing_terms.tell_rest()
        return missing
    with ExitStack() as stack:
        lines = stack.enter_context(open_text(source)) if isinstance(source, str | Path) else source
        if isinstance(target, str | Path):
            translate(lines, 1, stack.enter_context(atomic_text(Path(target))))
        else:
            translate(lines, 1, target.write, target.flush)
    unknown.tell_all()
    missing_terms.tell_rest()
    return 0


def _warn_of_tables(lines: list[str], warn: Warn) -> None:
    """A tab among the first lines is white space to the model, though the file may be a table."""
    number = next((number for number, line in enumerate(lines, start=1) if "\t" in line.strip()), None)
    if number is not None:
        warn(
            f"line {number}: a tab, read as a space; if this is a table, give its source column alone (cut -f1)"
        )


class _Unknown:
    """The source words a vocabulary does not have: told when the first are met, and again at the end if more came."""

    def __init__(self, warn: Warn | None, replaced: bool) -> None:
        self.words: Counter[str] = Counter()
        self._warn, self._told = warn, 0
        self._remedy = "" if replaced else ", or see --replace-unknown"

    def tell_first(self) -> None:
        """Tell what has come so far, once."""
        if not self._told:
            self.tell_all()

    def tell_all(self) -> None:
        """Tell what has come and was not told."""
        number = self.words.total()
        if self._warn is not None and number > self._told:
            most = ", ".join(repr(word) for word, _ in self.words.most_common(_EXAMPLES))
            self._warn(
                f"{number:,} source word{'s' if number > 1 else ''} unknown to the model, such as {most}; write "
                f"words as in its training text (case, spaces before full stops){self._remedy}"
            )
            self._told = number


def _facts(
    translator: Translator, options: TextOptions, form: Form, how: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything but the input that the translation depends on; how sentences are batched is no part of it."""
    asked = {key: value for key, value in how.items() if key not in ("batch_size", "watch")}
    return {
        "version": version("regard"),
        "model": _hash(translator),
        "search": {**asdict(replace(translator.search, batch_size=1)), **asked},
        "options": {
            **asdict(options),
            "max_length": options.max_length or translator.max_tokens,
            "form": form,
        },
    }


def _hash(translator: Translator) -> str:
    """The SHA-256 of weights and vocabularies."""
    digest = hashlib.sha256()
    for model in translator.models:
        for name, tensor in model.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    for tokeniser in (translator.tokenisers.source, translator.tokenisers.target):
        digest.update(repr((tokeniser.config, tokeniser.tokens(range(len(tokeniser))))).encode())
    return digest.hexdigest()
