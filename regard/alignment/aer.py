"""How far extracted links are from those that people annotated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regard.errors import DataError
from regard.records.text import Links


@dataclass(frozen=True)
class AlignmentScore:
    """Alignment error rate with precision and recall, each from 0 to 1, over a corpus.

    `precision` is the share of found links that are possible, `recall` the share of sure links that were found.
    """

    aer: float
    precision: float
    recall: float
    num_found: int
    num_sure: int


def alignment_error_rate(found: Sequence[Links], gold: Sequence[Links]) -> AlignmentScore:
    """Compare found links with gold ones: AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|); lower is better.

    Source: Och & Ney 2003, section 4. A are the sure links of `found`, S and P the sure and the possible ones
    of `gold`. Links are counted over the whole corpus, not averaged over sentences. Precision is 1 without found
    links, recall is 1 without sure gold links. Raises DataError when the two differ in length or are empty.
    """
    if len(found) != len(gold) or not gold:
        raise DataError(
            f"expected links for the same sentence pairs, at least one, got {len(found)} lines of found links "
            f"and {len(gold)} of gold links; make both files line-parallel"
        )
    pairs = list(zip(found, gold, strict=True))
    num_found = sum(len(ours.sure) for ours, _ in pairs)
    num_sure = sum(len(theirs.sure) for _, theirs in pairs)
    in_sure = sum(len(ours.sure & theirs.sure) for ours, theirs in pairs)
    in_possible = sum(len(ours.sure & theirs.possible) for ours, theirs in pairs)
    return AlignmentScore(
        aer=1 - _share(in_sure + in_possible, num_found + num_sure),
        precision=_share(in_possible, num_found),
        recall=_share(in_sure, num_sure),
        num_found=num_found,
        num_sure=num_sure,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
