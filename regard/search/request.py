"""What may be asked of a translation, checked and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from regard import kernels
from regard.config import SearchConfig
from regard.data.tokeniser import Tokeniser
from regard.errors import SearchError
from regard.records.text import Intervention, StreamedToken
from regard.search.plan import Plan
from regard.search.restrictions import Restrictions

Watch = Callable[[int], None]  # called with the number of sentences just done


class SearchOptions(TypedDict, total=False):
    """What may be asked of `Translator.translate` beside the text.

    In place of the recipe's: `beam`, `length_penalty`, `length_form`, `coverage_penalty`, `batch_size`,
    `precision`.
    `num_best`: the number of translations wanted of each sentence, the others being in `alternatives`, best first.
    `groups`: cut the beam into groups that differ, by a penalty of `diversity` nats (0.5) for each common token.
    `sample`: draw `num_best` translations, in the order drawn, after `temperature`, `top_k` and `top_p`; the same
    `seed` (1) draws the same for a sentence, whatever is translated beside it.
    `prefix`: what the translation must begin with, one text or one for each sentence.
    `ban`: words and phrases never to be written; `glossary`: the target term for each source term (both whole words;
    a term that could not be written is in `missing_terms`).
    `replace_unknown`: write the source word most attended to in place of each unknown word, or what the `lexicon`
    says of it.
    `intervene`: `Attend`, `Weights` and `Force`, for one text: what comes before the first of them is written as
    without them, then the model goes on.
    `watch`: called with the number of sentences just done.
    `follow`: called, while one text is translated, with each token of its translation as soon as no hypothesis has
    another in that place: at once if the beam is 1. What it raises ends the search.
    """

    beam: int
    length_penalty: float
    length_form: str
    coverage_penalty: float
    batch_size: int
    precision: str
    num_best: int
    groups: int
    diversity: float
    sample: bool
    temperature: float
    top_k: int
    top_p: float
    seed: int
    prefix: str | Sequence[str]
    ban: Sequence[str]
    glossary: Mapping[str, str]
    replace_unknown: bool
    lexicon: Mapping[str, str]
    intervene: Sequence[Intervention]
    watch: Watch | None
    follow: Callable[[StreamedToken], None]


@dataclass(frozen=True)
class SearchRequest:
    """How to translate some texts: `SearchOptions`, checked. `lexicon` is None where unknown words stay unknown."""

    plan: Plan
    restrictions: Restrictions
    batch_size: int
    lexicon: Mapping[str, str] | None
    interventions: tuple[Intervention, ...] = ()
    precision: str = "float32"
    follow: Callable[[StreamedToken], None] | None = None

    @staticmethod
    def of(
        how: SearchOptions,
        texts: Sequence[str],
        search: SearchConfig,
        source: Tokeniser,
        target: Tokeniser,
        *,
        attends: bool,
    ) -> SearchRequest:
        """What is asked for, the rest as in the recipe.

        Raises TypeError for what nobody can ask for, SearchError for what does not go together or with a model that
        does not attend.
        """
        if unknown := how.keys() - SearchOptions.__annotations__.keys():
            raise TypeError(
                f"translate: unknown {', '.join(sorted(unknown))}; known: {', '.join(SearchOptions.__annotations__)}"
            )
        plan = Plan.of(search, how)
        if not attends:
            _check_without_attention(plan, how)
        if "lexicon" in how and not how.get("replace_unknown"):
            raise SearchError(
                "search: lexicon says what to write for unknown words; ask for replace_unknown too"
            )
        batch_size = how.get("batch_size", search.batch_size)
        check_size(batch_size)
        lexicon = how.get("lexicon", {}) if how.get("replace_unknown") else None
        interventions = tuple(how.get("intervene", ()))
        if interventions and (len(texts) != 1 or not texts[0].strip()):
            raise SearchError(
                f"search: intervene changes one text; expected one with words, got {list(texts)}"
            )
        precision = how.get("precision", search.precision)
        kernels.check_precision(precision)
        if "follow" in how and len(texts) != 1:
            raise SearchError(
                f"search: one text can be followed, not {len(texts)}; translate them one by one"
            )
        restrictions = _restrictions(how, texts, source, target)
        return SearchRequest(
            plan, restrictions, batch_size, lexicon, interventions, precision, how.get("follow")
        )


def check_size(batch_size: int) -> None:
    """Raise SearchError unless a batch holds a sentence."""
    if batch_size < 1:
        raise SearchError(f"search.batch_size: expected a number from 1 on, got {batch_size}")


def _check_without_attention(plan: Plan, how: SearchOptions) -> None:
    if plan.ranking.coverage_penalty:
        raise SearchError(
            "search.coverage_penalty: this model has no attention that could cover anything; set it to 0"
        )
    if how.get("replace_unknown"):
        raise SearchError("search: replace_unknown needs attention, and this model has none; leave it out")


def _restrictions(
    how: SearchOptions, texts: Sequence[str], source: Tokeniser, target: Tokeniser
) -> Restrictions:
    prefix, ban = how.get("prefix", ""), how.get("ban", ())
    prefixes = (prefix,) * len(texts) if isinstance(prefix, str) else tuple(prefix)
    if len(prefixes) != len(texts):
        raise SearchError(f"search: expected one prefix for each text, got {len(prefixes)} for {len(texts)}")
    return Restrictions(
        source,
        target,
        prefixes if any(prefixes) else (),
        (ban,) if isinstance(ban, str) else tuple(ban),
        how.get("glossary", {}),
    )
