"""From text to what the loop needs: read, clean, hold out, learn the tokenisers, encode, cache."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from regard.atomic_writes import atomic_folder, list_entries
from regard.config import Config
from regard.data import Corpus
from regard.data.sources import file_checksum
from regard.errors import ConfigError
from regard.training.cache import cache_entry, find_entry, remove_old_entries
from regard.training.pairs import Log, Sources, StartProgress, no_progress, open_all, read_and_clean
from regard.training.preparation_summary import describe_report, make_report
from regard.training.prepared import (
    CORPUS,
    Prepared,
    is_intact,
    is_prepared,
    load_prepared,
    save_prepared,
    write_all_but_corpus,
)
from regard.training.recipe import resolve, with_pretrained_tokenisers
from regard.training.tokenisers import check_tokeniser_options, learn_tokenisers


def prepare(
    recipe: Config | str | Path | None = None,
    data: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path | None = None,
    init: str | Path | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    log: Log = lambda line: None,
    start_progress: StartProgress = no_progress,
) -> Prepared:
    """Read the pairs, learn the tokenisers on training text or take those of `init`, and encode text as ids.

    Recipe, data, init and overrides are those of `train`. With `out`, everything is kept in that folder, for
    `train(prepared=out)`; `overwrite` replaces prepared data there. Data prepared before from the same contents is
    taken from the cache, unless `data.cache` is false. `log` receives lines of text on what is being done, and
    `start_progress` starts a progress bar: `start_progress(description, total)` is a context manager whose value is
    called with numbers of items done.

    Raises DataError, naming file and line, for text that cannot be read or leaves nothing to train on, ConfigError
    for a recipe that cannot work.
    """
    config = with_pretrained_tokenisers(resolve(recipe, data, overrides, init))
    folder = None if out is None else Path(out)
    if folder is not None:
        _check_output_folder(folder, overwrite)
    if not config.training.init:
        check_tokeniser_options(config.tokeniser)
    sources = open_all(config.data)
    prepared = _prepare_cached(config, sources, log, start_progress) if config.data.cache else None
    if prepared is None:
        prepared = _prepare_uncached(config, sources, start_progress)
    prepared = replace(prepared, origin=_origin(config, sources), config=config)
    for line in describe_report(prepared.report, config):
        log(line)
    if folder is not None:
        save_prepared(folder, prepared)
    return prepared


def _check_output_folder(folder: Path, overwrite: bool) -> None:
    if is_prepared(folder):
        if not overwrite:
            raise ConfigError(
                f"{folder} already holds prepared data: --overwrite replaces it, --out FOLDER writes elsewhere"
            )
    elif folder.is_file() or list_entries(folder):
        raise ConfigError(f"{folder} is a file, or a folder of something else: choose another --out")


def _prepare_cached(
    config: Config, sources: Sources, log: Log, start_progress: StartProgress
) -> Prepared | None:
    """Load the data from the cache, after preparing it there if need be; None if the cache cannot be written to."""
    entry = cache_entry(config, sources)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(entry.parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        log(f"cache: cannot write to {entry.parent}, so nothing is kept; REGARD_CACHE names another folder")
        return None
    if find_entry(entry, log):
        log(f"cache: the same data was prepared before, reusing {entry} (--data.cache false prepares anew)")
    else:
        remove_old_entries()
        with atomic_folder(entry, keep=is_intact) as draft:
            prepared = _prepare_in(draft, config, sources, start_progress)
            write_all_but_corpus(draft, replace(prepared, origin=_origin(config, sources)))
    return load_prepared(entry, "prepare it with --data.cache false")


def _prepare_uncached(config: Config, sources: Sources, start_progress: StartProgress) -> Prepared:
    """Prepare the data in a temporary folder, which is deleted with the corpus."""
    folder = Path(mkdtemp(prefix="regard-"))
    try:
        prepared = _prepare_in(folder, config, sources, start_progress)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(prepared.corpus, shutil.rmtree, folder, ignore_errors=True)
    return prepared


def _prepare_in(folder: Path, config: Config, sources: Sources, start_progress: StartProgress) -> Prepared:
    """Prepare the data; the encoded corpus lies in the folder."""
    cleaned = read_and_clean(config.data, sources, folder, start_progress)
    tokenisers, notes = learn_tokenisers(config, cleaned, start_progress)
    with start_progress("pairs encoded", len(cleaned)) as advance:
        corpus = Corpus.encode(
            cleaned.pairs(),
            tokenisers.source,
            tokenisers.target,
            config.data.max_tokens,
            max_ratio=config.data.max_ratio,
            path=folder / CORPUS,
            watch=advance,
        )
    cleaned.file.path.unlink()
    report = make_report(cleaned, tokenisers, corpus, config.training)
    report = replace(report, notes=[*notes, *report.notes])
    return Prepared(tokenisers, corpus, cleaned.validation, {}, config, report)


def _origin(config: Config, sources: Sources) -> dict[str, str]:
    """Return everything that was read, with the SHA-256 of its contents."""
    models = (config.tokeniser.source_model, config.tokeniser.target_model)
    if config.training.init:  # the tokenisers came with the model
        models = ("", "")
    return sources.origin | {model: file_checksum(model) for model in models if model}
