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
from regard.documents.lines import DEFAULT, ProgressCallback, TextOptions, translate_lines
from regard.documents.missing_terms import MissingTermsWarner, WarningCallback
from regard.documents.output_format import OutputFormat, format_translation
from regard.documents.shards import ShardedFile, Shards
from regard.documents.streams import read_chunks
from regard.errors import ConfigError, DataError, SearchError
from regard.records.text import Translation
from regard.translator import Translator, load

_NUM_EXAMPLES = 5  # unknown words that a warning names


def translate_file(
    model: str | Path | Translator,
    source: str | Path | BinaryIO,
    target: str | Path | TextIO,
    options: TextOptions = DEFAULT,
    *,
    output_format: OutputFormat = "text",
    shards: Shards | None = None,
    warn: WarningCallback | None = None,
    watch: ProgressCallback | None = None,
    **search_options: Any,
) -> int:
    """Translate a file, or a stream of bytes, line by line; return how many shards are still missing, 0 if none.

    A target file is written atomically, and compressed if its name ends in `.gz` or `.xz`; lines from a stream are
    translated as soon as it pauses. With `shards`, finished shards survive an interruption. `warn` is called with
    warnings of sentences too long, of unknown words and of glossary terms that the translation lacks, `watch` with
    numbers of lines just translated; `search_options` are keyword arguments of `Translator.translate`, of which
    `prefix` is one text for all lines. Raises DataError for a file that cannot be read or written, or if there are
    shards of something else; see also `translate_lines`.
    """
    if not isinstance(search_options.get("prefix", ""), str):
        raise SearchError(
            "search: expected one text as the prefix of all lines of a file, got a list; give one"
        )
    translator = model if isinstance(model, Translator) else load(model)
    name = str(source) if isinstance(source, str | Path) else "standard input"
    translation = _FileTranslation(translator, name, options, output_format, warn, watch, search_options)
    num_missing = 0
    with ExitStack() as stack:
        if shards is not None:
            if not isinstance(source, str | Path) or not isinstance(target, str | Path):
                raise ConfigError(
                    "shards: expected an input file and an output file, got a stream; name both files"
                )
            plan = _plan(translator, options, output_format, search_options)
            file = ShardedFile(Path(source), Path(target), shards, plan)
            num_missing = file.translate(translation.translate, on_skipped=watch)
        else:
            lines = stack.enter_context(open_text(source)) if isinstance(source, str | Path) else source
            if isinstance(target, str | Path):
                translation.translate(lines, 1, stack.enter_context(atomic_text(Path(target))))
            else:
                translation.translate(lines, 1, target.write, target.flush)
    translation.warn_of_rest()
    return num_missing


class _FileTranslation:
    """Translates the lines of one file, all at once or shard by shard, and collects the warnings."""

    def __init__(
        self,
        translator: Translator,
        name: str,
        options: TextOptions,
        output_format: OutputFormat,
        warn: WarningCallback | None,
        watch: ProgressCallback | None,
        search_options: Mapping[str, Any],
    ) -> None:
        self._translator, self._name, self._options = translator, name, options
        self._output_format, self._watch, self._search_options = output_format, watch, search_options
        self._warn = None if warn is None else lambda message: warn(f"{name}, {message}")
        self._unknown = _UnknownWords(warn, suggest_replacing=not search_options.get("replace_unknown"))
        self._missing_terms = MissingTermsWarner(self._warn)

    def translate(
        self,
        lines: Iterable[bytes],
        first_line: int,
        write: Write,
        flush: Callable[[], object] | None = None,
    ) -> None:
        """Translate lines, numbered from `first_line`, and write them; `flush` is called after each chunk."""
        for chunk in read_chunks(lines, self._name, first_line):
            if first_line == 1:
                self._warn_of_tab(chunk)
            for translation in self._translate_chunk(chunk, first_line):
                write(format_translation(translation, self._output_format) + "\n")
            self._unknown.warn_once()
            if flush is not None:
                flush()
            first_line += len(chunk)

    def warn_of_rest(self) -> None:
        """Give the warnings that need all lines: how many unknown words there were, how many lines lacked terms."""
        self._unknown.warn_of_rest()
        self._missing_terms.warn_of_rest()

    def _translate_chunk(self, lines: list[str], first_line: int) -> Iterator[Translation]:
        try:
            return translate_lines(
                self._translator,
                lines,
                self._options,
                first_line=first_line,
                warn=self._warn,
                watch=self._watch,
                unknown=self._unknown.counts,
                missing_terms=self._missing_terms,
                **self._search_options,
            )
        except DataError as error:
            raise DataError(f"{self._name}, {error}") from None

    def _warn_of_tab(self, lines: list[str]) -> None:
        """Warn of the first line with a tab, which the model reads as a space though the file may be a table."""
        if self._warn is None or self._translator.tokenisers.source.reads_features:
            return
        number = next((number for number, line in enumerate(lines, start=1) if "\t" in line.strip()), None)
        if number is not None:
            self._warn(
                f"line {number}: a tab, read as a space; if this is a table, give its source column alone (cut -f1)"
            )


class _UnknownWords:
    """Counts source words that are not in the vocabulary; warns of the first, and at the end if there were more."""

    def __init__(self, warn: WarningCallback | None, suggest_replacing: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._warn, self._num_reported = warn, 0
        self._remedy = ", or see --replace-unknown" if suggest_replacing else ""

    def warn_once(self) -> None:
        """Warn of the words so far, unless there was a warning before."""
        if not self._num_reported:
            self.warn_of_rest()

    def warn_of_rest(self) -> None:
        """Warn of all words so far, if there are more than at the last warning."""
        number = self.counts.total()
        if self._warn is not None and number > self._num_reported:
            examples = ", ".join(repr(word) for word, _ in self.counts.most_common(_NUM_EXAMPLES))
            self._warn(
                f"{number:,} source word{'s' if number > 1 else ''} unknown to the model, such as {examples}; write "
                f"words as in its training text (case, spaces before full stops){self._remedy}"
            )
            self._num_reported = number


def _plan(
    translator: Translator,
    options: TextOptions,
    output_format: OutputFormat,
    search_options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return everything except the input that determines the output; how sentences are batched does not."""
    chosen = {key: value for key, value in search_options.items() if key not in ("batch_size", "watch")}
    return {
        "version": version("regard"),
        "model": _hash(translator),
        "search": {**asdict(replace(translator.search, batch_size=1)), **chosen},
        "options": {
            **asdict(options),
            "max_length": options.max_length or translator.max_tokens,
            "output_format": output_format,
        },
    }


def _hash(translator: Translator) -> str:
    """Return the SHA-256 of weights and vocabularies."""
    digest = hashlib.sha256()
    for model in translator.models:
        for name, tensor in model.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    for tokeniser in (translator.tokenisers.source, translator.tokenisers.target):
        digest.update(repr((tokeniser.config, tokeniser.tokens(range(len(tokeniser))))).encode())
    return digest.hexdigest()
