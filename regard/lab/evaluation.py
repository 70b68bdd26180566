"""A model on a test set: how good its translations are, by length too, and how well attention finds the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from regard.alignment import (
    AlignmentScore,
    alignment_error_rate,
    diagonal,
    links_from_attention,
    read_links,
)
from regard.data import read_pairs
from regard.errors import DataError
from regard.metrics import LengthBin, Score, bleu, by_length, check_tokeniser, chrf
from regard.records import Links, Pair, Translation
from regard.translator import How, Translator


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one test set; `aer` and `diagonal_aer` are None without gold links or attention."""

    bleu: Score
    chrf: Score
    by_length: list[LengthBin]
    aer: AlignmentScore | None
    diagonal_aer: AlignmentScore | None
    translations: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """All figures, without the translations, ready for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "translations"}


def read_test_set(files: Sequence[str | Path], links: Path | None, one_indexed: bool = False) -> list[Pair]:
    """Pairs from two line-parallel files or one TSV, with their gold links where there are some.

    Raises DataError, naming file and line, where text or links cannot be read or do not belong together.
    """
    pairs = list(read_pairs(list(files)))
    if links is None:
        return pairs
    gold = read_links(links, one_indexed=one_indexed)
    if len(gold) != len(pairs):
        raise DataError(
            f"{links}: {len(gold)} lines of links for {len(pairs)} sentence pairs; expected one line each"
        )
    for number, (pair, links_of_pair) in enumerate(zip(pairs, gold, strict=True), start=1):
        _check_links(f"{links}, line {number}", pair, links_of_pair)
    return [Pair(pair.source, pair.target, its_links) for pair, its_links in zip(pairs, gold, strict=True)]


def evaluate(
    translator: Translator,
    test_set: Sequence[Pair],
    *,
    lowercase: bool = False,
    tokenise: str = "13a",
    **how: Unpack[How],
) -> Evaluation:
    """Translate the sources and compare with the targets.

    Where all pairs have gold links, each target is also forced, and its words are linked to what their steps
    attended to most. Lengths are in words of the source. `watch` in `how` hears of every sentence done.
    Raises DataError for an empty test set, ConfigError for an unknown tokeniser, before anything is translated.
    """
    check_tokeniser(tokenise)
    sources, references = [pair.source for pair in test_set], [pair.target for pair in test_set]
    written = tuple(one.text for one in translator.translate(sources, **how))
    gold = [pair.links for pair in test_set if pair.links is not None]
    linked = len(gold) == len(test_set) and translator.model.decoder.attention is not None
    return Evaluation(
        bleu=bleu(written, references, lowercase=lowercase, tokenise=tokenise),
        chrf=chrf(written, references, lowercase=lowercase),
        by_length=by_length(
            written,
            references,
            [len(source.split()) for source in sources],
            lowercase=lowercase,
            tokenise=tokenise,
        ),
        aer=_attention_aer(translator, test_set, gold, how) if linked else None,
        diagonal_aer=_diagonal_aer(test_set, gold) if len(gold) == len(test_set) else None,
        translations=written,
    )


def show_evaluation(found: Evaluation) -> RenderableType:
    """The figures as tables for the terminal."""
    bins = found.by_length
    parts: list[RenderableType] = [
        Text(f"BLEU {found.bleu.value:6.2f}   {found.bleu.signature}"),
        Text(f"chrF {found.chrf.value:6.2f}   {found.chrf.signature}"),
        Text(),
        length_table({"BLEU": [b.bleu for b in bins], "chrF": [b.chrf for b in bins]}, bins),
    ]
    if found.diagonal_aer is not None:
        parts += [Text(), alignment_table(found.aer, found.diagonal_aer)]
    return Group(*parts)


def length_table(columns: Mapping[str, Sequence[float]], bins: Sequence[LengthBin]) -> Table:
    """A row for each bin of source lengths, a column for each named figure."""
    table = Table("source words", box=box.SIMPLE_HEAD)
    for name in ("sentences", *columns):
        table.add_column(name, justify="right")
    for row, figures in zip(bins, zip(*columns.values(), strict=True), strict=True):
        table.add_row(row.label, str(row.num_sentences), *(f"{figure:.1f}" for figure in figures))
    return table


def alignment_table(attention: AlignmentScore | None, diagonal_score: AlignmentScore) -> Table:
    """AER, precision and recall of attention and of the diagonal, in percent."""
    table = Table("word links", "AER %", "precision %", "recall %", box=box.SIMPLE_HEAD)
    for name, score in (("attention", attention), ("the diagonal", diagonal_score)):
        if score is not None:
            precision = f"{100 * score.precision:.1f}" if score.num_found else "–"  # of no link at all
            table.add_row(name, f"{100 * score.aer:.1f}", precision, f"{100 * score.recall:.1f}")
    return table


def word_links(translation: Translation) -> Links:
    """Each word of a translation linked to the source word it was most attended from."""
    if translation.attention is None:
        return Links()
    return links_from_attention(
        translation.attention, translation.source_words.places, translation.words.places
    )


def _attention_aer(
    translator: Translator, test_set: Sequence[Pair], gold: Sequence[Links], how: How
) -> AlignmentScore:
    sources, targets = [pair.source for pair in test_set], [pair.target for pair in test_set]
    forced = translator.align(sources, targets, watch=how.get("watch"))
    return alignment_error_rate([word_links(one) for one in forced], gold)


def _diagonal_aer(test_set: Sequence[Pair], gold: Sequence[Links]) -> AlignmentScore:
    guessed = [diagonal(len(pair.source.split()), len(pair.target.split())) for pair in test_set]
    return alignment_error_rate(guessed, gold)


def _check_links(where: str, pair: Pair, links: Links) -> None:
    source, target = len(pair.source.split()), len(pair.target.split())
    for s, t in links.possible:
        if s >= source or t >= target:
            raise DataError(
                f"{where}: link {s}-{t} (counted from 0) lies outside its sentences of {source} and {target} words; "
                "check that the files belong together, and --one-indexed"
            )
