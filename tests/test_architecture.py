"""A module imports only from lower floors or from its own package."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import regard

PACKAGE = Path(regard.__file__).parent
FLOORS = {
    0: ["errors"],
    1: ["records", "config", "atomic_writes", "markdown"],
    2: ["kernels", "data", "metrics", "alignment", "recipe_file"],
    3: ["attention", "recurrent"],
    4: ["encoders", "decoders"],
    5: ["model", "search"],
    6: ["build"],
    7: ["checkpoint"],
    8: ["translator"],
    9: ["explain", "documents"],
    10: ["training"],
    11: ["lab", "serving"],
    12: ["cli"],
    13: ["__init__", "__main__"],
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def drawn_floors() -> dict[int, set[str]]:
    """The floors as CONTRIBUTING.md draws them: a number, then names, then what they are for."""
    floors: dict[int, set[str]] = {}
    drawing = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8").split("```")[1]
    for line in drawing.strip("\n").splitlines():
        number, names = line[:2], line[4:].split("  ")[0]
        floors[int(number)] = {name.rstrip("/") for name in names.split()}
    return floors


def room_of(module: Path) -> str:
    """The room of a file: its folder directly under the package, or the file itself."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(source: str, module: Path) -> Iterator[str]:
    """Yield every room of `regard` that a module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                folder = module.parents[node.level - 1].relative_to(PACKAGE.parent)
                name = ".".join([*folder.parts, *((node.module or "").split(".") if node.module else [])])
            else:
                name = node.module or ""
            names = [f"{name}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names):
            if parts[0] == "regard":
                yield parts[1] if len(parts) > 1 and parts[1] in FLOOR_OF else "__init__"


def wrong_imports(source: str, module: Path) -> list[str]:
    """The rooms that a module imports although they are on its own floor or above."""
    own = room_of(module)
    return [
        room for room in imported_rooms(source, module) if room != own and FLOOR_OF[room] >= FLOOR_OF[own]
    ]


def test_the_house_is_as_contributing_draws_it() -> None:
    assert drawn_floors() == {floor: set(rooms) for floor, rooms in FLOORS.items()}


def test_every_floor_holds_rooms_that_exist() -> None:
    assert set(FLOOR_OF) == {room_of(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(module: Path) -> None:
    assert room_of(module) in FLOOR_OF, "a new room needs a floor in FLOORS and in CONTRIBUTING.md"
    wrong = wrong_imports(module.read_text(encoding="utf-8"), module)
    assert not wrong, f"{room_of(module)} is on floor {FLOOR_OF[room_of(module)]} and imports {wrong}"


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("attention/scores.py", "from regard.model import Seq2Seq", ["model"]),
        ("attention/scores.py", "from regard import build", ["build"]),
        ("attention/scores.py", "from regard import train", ["__init__"]),
        ("attention/scores.py", "import regard.recurrent", ["recurrent"]),
        ("attention/scores.py", "def f():\n    import regard.cli.train", ["cli"]),
        ("attention/scores.py", "from ..decoders import luong", ["decoders"]),
        ("attention/scores.py", "from . import normalisers", []),
        ("attention/scores.py", "from regard.attention.normalisers import Softmax", []),
        ("model.py", "from regard.records.tensors import Batch\nimport torch", []),
    ],
)
def test_a_wrong_import_is_seen(module: str, line: str, wrong: list[str]) -> None:
    assert wrong_imports(line, PACKAGE / module) == wrong


@pytest.mark.parametrize(
    "room", ["errors", "config", "recipe_file", "records.text", "data", "metrics", "alignment"]
)
def test_torch_stays_away_from(room: str) -> None:
    code = f"import sys, regard.{room}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=False).returncode == 0


def test_nothing_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert not [path for path in PACKAGE.rglob("*") if path.stem in vague]
