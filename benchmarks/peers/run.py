"""Compare `regard` with other toolkits: install each in its own environment, and give all the same work in turn.

    python benchmarks/peers/run.py [--peers eole opennmt-py joeynmt] [--work runs/peers] [--tasks train greedy …]

Writes benchmarks/results/peers.md. Tasks, rounds and figures are those of `benchmarks/speed.py`. The peers see the
same ids in the same batches, on the same version of torch, and run their own training step and their own search;
each uses the additive score (eole and OpenNMT-py call it mlp, JoeyNMT bahdanau), or with --score general Luong's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from comparison import Measured, System, compare, table, verdict  # noqa: E402
from corpus import load_corpus  # noqa: E402
from machine import machine  # noqa: E402
from speed import TASKS, TEXTBOOK, systems, tasks  # noqa: E402

from regard.kernels import cpu_bfloat16_units  # noqa: E402

RESULT = HERE.parent / "results" / "peers.md"


@dataclass(frozen=True)
class Peer:
    """A toolkit: the package to install, and the script that serves it.

    `also` lists requirements that it does not declare; with `alone` it is installed without those it declares.
    """

    package: str
    script: str
    also: Sequence[str] = ()
    alone: bool = False
    autocast: bool = False


PEERS = {
    "eole": Peer("eole==0.6.4", "with_eole.py", autocast=True),
    # requires torch below 2.3, but runs with later versions
    "opennmt-py": Peer(
        "OpenNMT-py==3.5.1",
        "with_opennmt.py",
        [
            "configargparse",
            "ctranslate2<5",
            "fasttext-wheel",
            "flask",
            "pyahocorasick",
            "pyonmttok",
            "pyyaml",
            "rapidfuzz",
            "sacrebleu",
            "six",
            "spacy",
            "tensorboard",
            "waitress",
        ],
        alone=True,
    ),
    "joeynmt": Peer("joeynmt==2.3.0", "with_joeynmt.py", ["importlib-metadata"]),
}


def install(name: str, work: Path) -> Path:
    """Return the Python of a peer's environment, created if missing. Raises OSError with pip's error."""
    peer, folder = PEERS[name], work / name
    python, done = folder / "bin" / "python", folder / ".ready"
    if done.is_file():
        return python
    print(f"installing {peer.package} in {folder} (once, some minutes)", flush=True)
    _run([sys.executable, "-m", "venv", str(folder)])
    version = "torch==" + torch.__version__.split("+")[0]
    _pip(python, version)  # first and alone, so that a CPU build is used if there is one
    _pip(python, version, *peer.also, *([] if peer.alone else [peer.package]))
    if peer.alone:
        _pip(python, "--no-deps", peer.package)
    done.touch()
    return python


def _pip(python: Path, *arguments: str) -> None:
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments])


def _run(command: Sequence[str]) -> None:
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode:
        errors = [line for line in run.stdout.splitlines() if line.startswith("ERROR")]
        raise OSError((errors or run.stdout.splitlines() or [f"ended with {run.returncode}"])[-1])


def system(name: str, python: Path, *options: str) -> System:
    """Return a peer, served by its script in its environment."""
    command = ["env", f"PYTHONPATH={HERE.parent}", str(python), str(HERE / PEERS[name].script), *options]
    return System(
        " ".join([PEERS[name].package.replace("==", " "), *(["autocast"] if options else [])]), command
    )


def peers(names: Sequence[str], work: Path) -> Iterator[System]:
    """Yield the peers; one that cannot be installed is left out, with a message."""
    for name in names:
        try:
            python = install(name, work)
        except OSError as error:
            print(f"{name} is left out, it cannot be installed: {error}", file=sys.stderr)
            continue
        yield system(name, python)
        if PEERS[name].autocast and cpu_bfloat16_units():
            yield system(name, python, "--bfloat16")


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    arguments.add_argument("--work", type=Path, default=Path("runs/peers"), help="where they are installed")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--scale", type=float, default=1.0, help="multiplies the usual number of batches")
    arguments.add_argument("--tasks", nargs="+", default=TASKS, choices=TASKS)
    arguments.add_argument("--score", default="additive", choices=["additive", "general"])
    arguments.add_argument("--out", type=Path, default=RESULT)
    options = arguments.parse_args()
    others = list(peers(options.peers, options.work.resolve()))
    started = time.perf_counter()
    corpus = load_corpus()
    print(f"{machine()}\n{corpus.origin}\n", flush=True)
    measured: list[Measured] = []
    with TemporaryDirectory() as folder:
        for task in tasks(corpus, options.tasks, options.scale):
            task = replace(task, shape=replace(task.shape, score=options.score))
            found = compare(task, [*systems(task.kind), *others], options.rounds, Path(folder))
            print("\n".join(table(found, TEXTBOOK)), "\n", flush=True)
            measured += found
    minutes = (time.perf_counter() - started) / 60
    lines = [
        "# peers: `regard` compared with other toolkits",
        "",
        f"Configuration A of `benchmarks/task.py` with the {options.score} score; {corpus.origin}. The same ids in "
        "the same batches, each system in its own process, in turn; medians over the rounds ± half their range. "
        "Decoding with models that have learnt nothing, each sentence written to its reference's length.",
        "",
        *table(measured, TEXTBOOK),
        "",
        verdict(measured),
        "",
        f"Machine: {machine()}; {options.rounds} rounds, {minutes:.0f} minutes, {date.today()}.",
        "",
        f"By `python benchmarks/peers/run.py --peers {' '.join(options.peers)} --tasks {' '.join(options.tasks)} "
        f"--rounds {options.rounds}`.",
        "",
    ]
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
