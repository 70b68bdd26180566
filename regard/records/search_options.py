"""The options of a search, each declared once for Python and the command line.

A recipe's `search` section sets the first six, for which `config.SearchConfig` has defaults, names and help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, get_type_hints

from regard.records.text import Intervention, StreamedToken

SEARCH = "search"
SAMPLING = "sampling instead of searching"
OUTPUT_TEXT = "constraints on the output"

ProgressCallback = Callable[[int], None]
"""Called with the number of sentences that have just been done."""


@dataclass(frozen=True)
class Option:
    """What help says of an option, and its value where it is not set.

    `group` is the heading under which `--help` lists it, None for an option of Python alone. `requires` names another
    option without which this one has no meaning, and what this one does to it.
    """

    help: str
    group: str | None = SEARCH
    default: Any = None
    metavar: str | None = None
    requires: tuple[str, str] | None = None


class SearchOptions(TypedDict, total=False):
    """Keyword arguments of `Translator.translate`, and search options of the command line.

    `beam` to `precision` override the recipe.
    """

    beam: int
    length_penalty: float
    length_form: str
    coverage_penalty: float
    batch_size: int
    precision: str
    num_best: Annotated[
        int,
        Option(
            "number of translations of each sentence, best first, all but the first in `alternatives`; the beam is "
            "widened to hold them unless it is set",
            group=None,
            default=1,
        ),
    ]
    groups: Annotated[
        int, Option("number of groups to cut the beam into, which differ from each other", default=1)
    ]
    diversity: Annotated[
        float,
        Option(
            "penalty in nats for a token that an earlier group has just chosen",
            default=0.5,
            requires=("groups", "sets how far groups keep apart"),
        ),
    ]
    sample: Annotated[
        bool, Option("draw num_best translations at random instead of searching", SAMPLING, default=False)
    ]
    temperature: Annotated[
        float,
        Option(
            "sharpness of the distribution drawn from: below 1 bolder, above 1 more varied",
            SAMPLING,
            default=1.0,
            requires=("sample", "sets how to sample"),
        ),
    ]
    top_k: Annotated[
        int,
        Option(
            "draw from the K most probable tokens only; 0: from all",
            SAMPLING,
            default=0,
            metavar="K",
            requires=("sample", "sets how to sample"),
        ),
    ]
    top_p: Annotated[
        float,
        Option(
            "draw from the fewest tokens that have probability P together",
            SAMPLING,
            default=1.0,
            metavar="P",
            requires=("sample", "sets how to sample"),
        ),
    ]
    seed: Annotated[
        int,
        Option(
            "the same seed draws the same for a sentence, whatever else is translated",
            SAMPLING,
            default=1,
            requires=("sample", "sets how to sample"),
        ),
    ]
    prefix: Annotated[
        str | Sequence[str],
        Option(
            "text that every translation begins with; in Python also one text for each sentence", OUTPUT_TEXT
        ),
    ]
    ban: Annotated[
        Sequence[str], Option("word or phrase that is never written; may be repeated", OUTPUT_TEXT)
    ]
    glossary: Annotated[
        Mapping[str, str],
        Option(
            "source TAB target: where the source has the source term as whole words, the target term must be "
            "written; terms that could not be are in `missing_terms`",
            OUTPUT_TEXT,
        ),
    ]
    replace_unknown: Annotated[
        bool,
        Option("replace each <unk> by the source word with the most attention", OUTPUT_TEXT, default=False),
    ]
    lexicon: Annotated[
        Mapping[str, str],
        Option(
            "source TAB target: what to write for such a source word",
            OUTPUT_TEXT,
            requires=("replace_unknown", "says what to write for unknown words"),
        ),
    ]
    intervene: Annotated[
        Sequence[Intervention],
        Option(
            "`Attend`, `Weights` and `Force`, for a single text: up to the first of them the translation is as "
            "without, then the model decodes on",
            group=None,
        ),
    ]
    watch: Annotated[
        ProgressCallback | None, Option("called with the number of sentences just done", group=None)
    ]
    follow: Annotated[
        Callable[[StreamedToken], None],
        Option(
            "for a single text: called with each token of its translation as soon as all hypotheses in the beam "
            "agree on it, with a beam of 1 at once; an exception that it raises ends the search",
            group=None,
        ),
    ]


def _options() -> dict[str, Option]:
    hints = get_type_hints(SearchOptions, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


OPTIONS: Mapping[str, Option] = _options()
"""What is declared beside the type of each option that no recipe sets."""
