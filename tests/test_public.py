"""The public surface: what `regard` names is what there is, and importing it is cheap."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

import regard
from regard.cli import VERBS
from regard.lab import grammar_files


@pytest.mark.parametrize("name", regard.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(regard, name)
    assert isinstance(thing, dict) or inspect.getdoc(thing)


def test_what_type_checkers_see_is_what_all_says() -> None:
    tree = ast.parse(Path(regard.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = [alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(regard.__all__)


CALLS = {
    "demo": "demo",
    "prepare": "prepare",
    "train": "train",
    "average": "average",
    "translate": "translate_file",
    "score": "Translator.score",
    "evaluate": "evaluate",
    "compare": "compare",
    "explain": "show_trace",
    "faithful": "faithfulness",
    "serve": "serve",
    "data grammar": "write_grammar",
    "data stats": "corpus_stats",
    "info": "machine_facts",
}


def test_every_verb_is_a_public_call() -> None:
    assert list(VERBS) == list(dict.fromkeys(verb.split()[0] for verb in CALLS))
    for call in CALLS.values():
        assert call.split(".")[0] in regard.__all__
        assert callable(attrgetter(call)(regard))


def test_a_corpus_is_written_and_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar_files, "NUM_HELD_OUT", 5)
    monkeypatch.setattr(grammar_files, "NUM_PER_LENGTH", 1)
    regard.write_grammar(str(tmp_path / "corpus"), 7)
    (side,) = regard.corpus_stats(str(tmp_path / "corpus" / "train.de")).sides
    assert side.num_sentences == 7


def test_a_table_is_read_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("en\tde\nyes\tja\n", encoding="utf-8")
    (pair,) = regard.read_test_set([tmp_path / "test.tsv"], table=regard.Table(("de", "en")))
    assert pair == regard.Pair("ja", "yes")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tranlate'"):
        _ = regard.tranlate


@pytest.mark.parametrize("code", ["import regard", "from regard.cli import main; main(['--help'])"])
def test_neither_import_nor_help_loads_anything_heavy(code: str) -> None:
    heavy = [
        "torch",
        "numpy",
        "jsonargparse",
        "rich",
        "matplotlib",
        "pyarrow",
        "tokenizers",
        "lightning_fabric",
    ]
    check = f"""
import sys
try:
    {code}
except SystemExit:
    pass
print(*[name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
