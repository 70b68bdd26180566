"""Rules of the room that a reader of one file cannot see broken: whole loops for the threads, no private imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import regard

PACKAGE = Path(regard.__file__).parent
FOLDER = PACKAGE / "kernels"
SOURCES = {
    str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in sorted(FOLDER.rglob("*.py"))
}


def private_imports(source: str) -> Iterator[str]:
    """Yield the private names that a module imports from other modules of the package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("regard")):
            yield from (alias.name for alias in node.names if alias.name.startswith("_"))


@pytest.mark.parametrize("file", SOURCES)
def test_no_module_imports_a_private_name_of_another(file: str) -> None:
    assert not list(private_imports(SOURCES[file]))


def test_a_private_import_is_seen() -> None:
    assert list(private_imports("from regard.kernels.gemm.packed import PackedWeight, _version")) == [
        "_version"
    ]
    assert list(private_imports("from . import _version")) == ["_version"]
    assert not list(private_imports("from torch import _C"))


def is_shared_loop(statement: ast.stmt) -> bool:
    """Whether a statement is a loop over a `parallel_range`."""
    return (
        isinstance(statement, ast.For)
        and isinstance(statement.iter, ast.Call)
        and isinstance(statement.iter.func, ast.Name)
        and statement.iter.func.id == "parallel_range"
    )


def misplaced_loops(source: str) -> Iterator[str]:
    """Yield `function: why` for every loop over a `parallel_range` that threads would not share correctly.

    Every thread runs the whole function, and the thread that starts them runs it once more, without the loop. So the
    loop is the last statement, or the last of a branch that is; and what is before it only gives names to values.
    """
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef) and "parallel_range" in ast.unparse(function):
            for statement in _without_last_loops(function.body):
                if any(is_shared_loop(node) for node in ast.walk(statement) if isinstance(node, ast.stmt)):
                    yield f"{function.name}: a statement follows the loop"
                elif not isinstance(statement, ast.Expr | ast.Assign | ast.If):
                    yield f"{function.name}: `{ast.unparse(statement)}` runs in every thread"
                elif isinstance(statement, ast.Assign) and not all(map(is_name, statement.targets)):
                    yield f"{function.name}: `{ast.unparse(statement)}` writes in every thread"


def is_name(target: ast.expr) -> bool:
    """Whether the target of an assignment is a name, or a tuple of names."""
    return isinstance(target, ast.Name) or (isinstance(target, ast.Tuple) and all(map(is_name, target.elts)))


def _without_last_loops(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body but the shared loop at its end, or at the end of the branches at its end."""
    *others, last = body
    yield from others
    if isinstance(last, ast.If):
        yield from _without_last_loops(last.body)
        if last.orelse:
            yield from _without_last_loops(last.orelse)
    elif not is_shared_loop(last):
        yield last


KERNELS = [
    file
    for file, source in SOURCES.items()
    if "in parallel_range(" in source and file != "kernels/threads.py"
]


@pytest.mark.parametrize("file", KERNELS)
def test_a_loop_that_threads_share_is_the_end_of_its_kernel(file: str) -> None:
    assert not list(misplaced_loops(SOURCES[file]))


LOOP = "    for r in parallel_range(len(x)):\n        x[r] = 0\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (LOOP, []),
        ("    rows, size = x.shape\n" + LOOP, []),
        (f"    if x is None:\n    {LOOP.replace(chr(10) + '    ', chr(10) + '        ')}", []),
        (
            LOOP + "    x[0] = 1\n",
            ["f: a statement follows the loop", "f: `x[0] = 1` writes in every thread"],
        ),
        ("    x[0] = 1\n" + LOOP, ["f: `x[0] = 1` writes in every thread"]),
        (
            "    for r in range(3):\n        x[r] = 1\n" + LOOP,
            ["f: `for r in range(3):\n    x[r] = 1` runs in every thread"],
        ),
    ],
)
def test_a_misplaced_loop_is_seen(body: str, expected: list[str]) -> None:
    assert list(misplaced_loops(f"@kernel\ndef f(x):\n{body}")) == expected
