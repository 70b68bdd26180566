"""Systems to evaluate: a model, or a file of translations; and the text a model was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from regard.data import read_lines
from regard.errors import ModelError
from regard.metrics import count_words
from regard.training.prepared import load_prepared
from regard.training.run_folder import DATA
from regard.translator import Translator, load

MAX_COUNTED = 200_000  # training pairs whose words are counted
_CHUNK_SIZE = 1000

System = Translator | str | Path


def open_system(system: System) -> Translator | Path:
    """Return the model in a folder, or the path of a file of translations. Raises ModelError for anything else."""
    if isinstance(system, Translator):
        return system
    if not isinstance(system, str | Path):
        raise ModelError(
            f"expected a Translator, a model folder or a file of translations, got {type(system).__name__}; "
            "regard.load(folder) gives a Translator"
        )
    return Path(system) if Path(system).is_file() else load(system)


def own_training_text(system: System) -> Path | None:
    """Return the folder of a model that still contains its training data; None for other systems."""
    if isinstance(system, Translator) or not Path(system).is_dir():
        return None
    folder = Path(system)
    try:
        load_prepared(folder / DATA)
    except ModelError:
        return None
    return folder


def training_counts(path: str | Path, tokenise: str) -> Counter[str]:
    """Count each target word in a text file, or in the training data of a model folder.

    Of a large corpus in a model folder, MAX_COUNTED evenly spaced pairs are counted. Raises DataError or ModelError
    if there is nothing to count.
    """
    texts = _training_targets(Path(path)) if Path(path).is_dir() else read_lines(path)
    return count_words(texts, tokenise)


def _training_targets(folder: Path) -> Iterator[str]:
    """Yield the target sentences a model was trained on, as its tokeniser decodes them."""
    prepared = load_prepared(folder / DATA, "name the training text")
    corpus, tokeniser = prepared.corpus, prepared.tokenisers.target
    rows = range(0, len(corpus), -(-len(corpus) // MAX_COUNTED))
    for start in range(0, len(rows), _CHUNK_SIZE):
        for ids in corpus.batch(rows[start : start + _CHUNK_SIZE]).target.tolist():
            yield tokeniser.decode(ids)
