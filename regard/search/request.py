"""Search options, checked and turned into the parts that decode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass

from regard import kernels
from regard.config import SearchConfig
from regard.data.tokeniser import Tokeniser
from regard.errors import SearchError
from regard.records.search_options import OPTIONS, SearchOptions
from regard.records.text import Intervention, StreamedToken
from regard.search.restrictions import Restrictions
from regard.search.strategy import SearchStrategy

_CONFLICTS = (
    ("beam", "sample", "a sample is drawn, not searched for"),
    ("groups", "sample", "samples differ by themselves"),
    ("glossary", "sample", "sampling cannot guarantee that a term is written"),
    ("follow", "sample", "samples have no common tokens to report"),
    ("sample", "intervene", "both determine what is written"),
    ("prefix", "intervene", "both determine what is written"),
    ("ban", "intervene", "both determine what is written"),
    ("glossary", "intervene", "both determine what is written"),
    ("follow", "glossary", "no token is certain before all terms are written"),
    ("groups", "glossary", "all groups would have to write the same terms"),
)


@dataclass(frozen=True)
class SearchRequest:
    """How to translate some texts; `lexicon` is None if unknown words are not replaced."""

    strategy: SearchStrategy
    restrictions: Restrictions
    batch_size: int
    precision: str
    lexicon: Mapping[str, str] | None
    interventions: tuple[Intervention, ...] = ()
    follow: Callable[[StreamedToken], None] | None = None

    @staticmethod
    def of(
        options: SearchOptions,
        texts: Sequence[str],
        search: SearchConfig,
        source: Tokeniser,
        target: Tokeniser,
        *,
        has_attention: bool,
    ) -> SearchRequest:
        """Check the options for these texts; what they leave open is as in the recipe.

        Raises TypeError for an unknown option, SearchError for options that contradict each other or need attention
        where the model has none, and for values out of range.
        """
        _check_names(options)
        _check_combinations(options)
        strategy = SearchStrategy.of(search, options)
        if not has_attention:
            _check_without_attention(strategy, options)
        batch_size = options.get("batch_size", search.batch_size)
        check_batch_size(batch_size)
        precision = options.get("precision", search.precision)
        kernels.check_precision(precision)
        interventions = tuple(options.get("intervene", ()))
        if interventions and (len(texts) != 1 or not texts[0].strip()):
            raise SearchError(
                f"search: intervene changes one text; expected one with words, got {list(texts)}"
            )
        follow = options.get("follow")
        if follow is not None and len(texts) != 1:
            raise SearchError(
                f"search: follow reports one text, got {len(texts)}; translate them one at a time"
            )
        return SearchRequest(
            strategy,
            _restrictions(options, texts, source, target),
            batch_size,
            precision,
            options.get("lexicon", {}) if options.get("replace_unknown") else None,
            interventions,
            follow,
        )


def check_batch_size(batch_size: int) -> None:
    """Raise SearchError for a batch size below 1."""
    if batch_size < 1:
        raise SearchError(f"search.batch_size: expected a number from 1 on, got {batch_size}")


def _check_names(options: SearchOptions) -> None:
    known = SearchOptions.__annotations__
    if unknown := options.keys() - known.keys():
        raise TypeError(f"translate: unknown {', '.join(sorted(unknown))}; known: {', '.join(known)}")


def _check_combinations(options: SearchOptions) -> None:
    """Raise SearchError for options that contradict each other, and for one that means nothing without another."""
    is_set = {name for name, value in options.items() if _is_set(value)}
    for name, other, why in _CONFLICTS:
        if name in is_set and other in is_set:
            raise SearchError(f"search: {name} cannot be combined with {other}: {why}; leave out one of them")
    for name, option in OPTIONS.items():
        if option.requires is not None and name in is_set:
            required, why = option.requires
            if required not in is_set:
                raise SearchError(f"search: {name} {why}; set {required} too, or leave {name} out")


def _is_set(value: object) -> bool:
    return value is not None and value is not False and not (isinstance(value, Sized) and len(value) == 0)


def _check_without_attention(strategy: SearchStrategy, options: SearchOptions) -> None:
    if strategy.ranking.coverage_penalty:
        raise SearchError(
            "search.coverage_penalty: this model has no attention to measure coverage by; set it to 0"
        )
    if options.get("replace_unknown"):
        raise SearchError("search: replace_unknown needs attention, and this model has none; leave it out")


def _restrictions(
    options: SearchOptions, texts: Sequence[str], source: Tokeniser, target: Tokeniser
) -> Restrictions:
    prefix, ban = options.get("prefix", ""), options.get("ban", ())
    prefixes = (prefix,) * len(texts) if isinstance(prefix, str) else tuple(prefix)
    if len(prefixes) != len(texts):
        raise SearchError(f"search: expected one prefix for each text, got {len(prefixes)} for {len(texts)}")
    return Restrictions(
        source,
        target,
        prefixes if any(prefixes) else (),
        (ban,) if isinstance(ban, str) else tuple(ban),
        options.get("glossary", {}),
    )
