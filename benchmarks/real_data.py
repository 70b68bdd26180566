"""Results on real data: train with the packaged recipes, test once, and write benchmarks/results/.

    python benchmarks/real_data.py multi30k | g2p | tatoeba [--threads N] [--work FOLDER]

The data are those of the folder that REGARD_DATA names (default: `data/` in the repository): Multi30k (Elliott et al.
2016), SIGMORPHON 2020 task 1 (Gorman et al. 2020), Tatoeba (tatoeba.org). Everything is done by the `regard` commands
that the result file shows; nothing was tuned on a test set.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from corpus import data_folder

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
LANGUAGES = {"ady": 28.00, "fre": 6.22, "hin": 6.67, "ice": 10.00, "kor": 46.89}
"""The test WER of the shared task's LSTM with attention, per cent (Gorman et al. 2020, as noted from memory)."""


@dataclass
class Work:
    """Where the data are, where models go, and the commands that were run."""

    data: Path
    folder: Path
    threads: int
    commands: list[str] = field(default_factory=list)

    def regard(self, *arguments: object) -> str:
        """Run a `regard` command, and return its standard output."""
        command = [str(argument) for argument in arguments]
        self.commands.append(shlex.join(["regard", *command]))
        print("$", self.commands[-1], flush=True)
        run = subprocess.run(
            [sys.executable, "-m", "regard", *command], stdout=subprocess.PIPE, text=True, check=True
        )
        return run.stdout

    def train(self, recipe: str, name: str, *options: object) -> tuple[Path, float]:
        """Train into `folder/name`, and return the model and the minutes it took."""
        started = time.perf_counter()
        out = self.folder / name
        threads = ["--threads", self.threads] if self.threads else []
        self.regard("train", recipe, *options, "--out", out, "--overwrite", *threads)
        return out, (time.perf_counter() - started) / 60

    def train_all(self, recipe: str, runs: Mapping[str, Sequence[object]]) -> list[tuple[Path, float]]:
        """Train every `name: options` of `runs`, as many at a time as `threads` leaves cores for."""
        at_once = max((os.cpu_count() or 1) // self.threads, 1) if self.threads else 1
        with ThreadPoolExecutor(at_once) as pool:
            started = [pool.submit(self.train, recipe, name, *options) for name, options in runs.items()]
            return [run.result() for run in started]

    def evaluate(self, model: Path, *files_and_options: object) -> dict[str, Any]:
        """Evaluate a model on a test set, and return its figures."""
        found: dict[str, Any] = json.loads(self.regard("evaluate", model, *files_and_options, "--json"))
        return found


def multi30k(work: Work) -> list[str]:
    """German to English with attention, compared with a fixed sentence vector trained the same way."""
    data = work.data / "multi30k"
    train = ["--data.train", data / "train.de.gz", data / "train.en.gz"]
    train += ["--data.validation", data / "val.de.gz", data / "val.en.gz"]
    test = [data / "test_2016_flickr.de.gz", data / "test_2016_flickr.en.gz", "--lowercase"]
    plain = ["--model.decoder.name", "plain", "--model.decoder.sentence_vector", "every_step"]
    plain += ["--model.attention.score", "none"]
    (with_attention, minutes), (without, minutes_without) = work.train_all(
        "multi30k", {"multi30k": train, "multi30k_fixed_vector": [*train, *plain]}
    )
    found = {"attention": work.evaluate(with_attention, *test), "fixed vector": work.evaluate(without, *test)}
    took = {"attention": minutes, "fixed vector": minutes_without}
    lines = ["| model | BLEU | chrF | training, minutes |", "|---|---|---|---|"]
    for name, figures in found.items():
        lines.append(
            f"| {name} | {_figure(figures['bleu'])} | {_figure(figures['chrf'])} | {took[name]:.0f} |"
        )
    lines += ["", f"BLEU: `{found['attention']['bleu']['signature']}`, with 95 % bootstrap intervals."]
    lines += ["", "BLEU by source length in words:", "", *_by_length(found)]
    return lines


def g2p(work: Work) -> list[str]:
    """Five languages by one recipe."""
    lines = [
        "| language | test WER % | test PER % | LSTM baseline WER % | minutes |",
        "|---|---|---|---|---|",
    ]
    rates = []
    files = {
        language: {part: work.data / "g2p" / f"{language}.{part}.tsv" for part in ("train", "dev", "test")}
        for language in LANGUAGES
    }
    runs = {
        f"g2p_{language}": [
            "--data.train",
            files[language]["train"],
            "--data.validation",
            files[language]["dev"],
        ]
        for language in LANGUAGES
    }
    trained = work.train_all("g2p", runs)
    for (language, baseline), (model, minutes) in zip(LANGUAGES.items(), trained, strict=True):
        figures = work.evaluate(model, files[language]["test"])
        rates.append(100 - figures["exact_match"]["value"])
        phonemes = figures["wer"]["value"]
        lines.append(f"| {language} | {rates[-1]:.2f} | {phonemes:.2f} | {baseline:.2f} | {minutes:.0f} |")
    mean = sum(LANGUAGES.values()) / len(LANGUAGES)
    return [
        *lines,
        f"| **mean** | **{sum(rates) / len(rates):.2f}** | | {mean:.2f} | |",
        "",
        "WER as the task has it: the share of words with any phoneme wrong, 100 − exact match. The recipe reads "
        "Hangul letter by letter (NFD), where the baseline read syllables.",
    ]


def tatoeba(work: Work) -> list[str]:
    """German to English, 20 minutes of training, on our own split."""
    files = split_tatoeba(work.data / "tatoeba" / "deu-eng.tsv.xz", work.folder / "tatoeba_split")
    options = ["--data.train", files["train"], "--data.validation", files["validation"]]
    options += ["--training.max_minutes", 20]
    model, minutes = work.train("multi30k", "tatoeba", *options)
    figures = work.evaluate(model, files["test"])
    counts = {part: sum(1 for _ in file.open(encoding="utf-8")) for part, file in files.items()}
    return [
        "Split by English sentence; a German sentence of validation or test does not stand in training either: "
        + ", ".join(f"{part} {count:,}" for part, count in counts.items())
        + " pairs.",
        "",
        "| BLEU | chrF | training, minutes |",
        "|---|---|---|",
        f"| {_figure(figures['bleu'])} | {_figure(figures['chrf'])} | {minutes:.0f} |",
        "",
        f"BLEU: `{figures['bleu']['signature']}`",
    ]


def split_tatoeba(file: Path, folder: Path) -> dict[str, Path]:
    """Write German TAB English files; about 2,000 English sentences each are held out, by their checksum."""
    from regard.data import read_pairs

    parts: dict[str, list[tuple[str, str]]] = {"train": [], "validation": [], "test": []}
    for pair in read_pairs(file):
        english, german = pair.source, pair.target
        bucket = zlib.crc32(_key(english).encode()) % 1000
        part = "test" if bucket < 14 else "validation" if bucket < 28 else "train"
        parts[part].append((german, english))
    seen: set[str] = set()
    for part in ("test", "validation"):  # one pair per German sentence, and none of them elsewhere
        kept = []
        for german, english in parts[part]:
            if _key(german) not in seen:
                seen.add(_key(german))
                kept.append((german, english))
        parts[part] = kept
    parts["train"] = [pair for pair in parts["train"] if _key(pair[0]) not in seen]
    folder.mkdir(parents=True, exist_ok=True)
    files = {part: folder / f"{part}.tsv" for part in parts}
    for part, pairs in parts.items():
        files[part].write_text(
            "".join(f"{german}\t{english}\n" for german, english in pairs), encoding="utf-8"
        )
    return files


def _key(sentence: str) -> str:
    return " ".join(sentence.casefold().split())


def _figure(score: dict[str, Any]) -> str:
    return f"{score['value']:.2f} ± {score['margin']:.2f}"


def _by_length(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    first = next(iter(found.values()))["by_length"]
    yield "| words | sentences | " + " | ".join(found) + " |"
    yield "|---|---|" + "---|" * len(found)
    for row, bucket in enumerate(first):
        scores = [f"{figures['by_length'][row]['bleu']:.1f}" for figures in found.values()]
        yield f"| {bucket['label']} | {bucket['num_sentences']} | {' | '.join(scores)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    tasks = {"multi30k": multi30k, "g2p": g2p, "tatoeba": tatoeba}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=tasks)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all cores)")
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks"), help="where models go")
    options = parser.parse_args(arguments)
    data = data_folder()
    work = Work(data, options.work, options.threads)
    lines = tasks[options.task](work)
    commands = "\n".join(work.commands).replace(f"{data}/", "$REGARD_DATA/")
    commands = commands.replace(f"{work.folder}/", "runs/benchmarks/")
    used = ", ".join(f"{name} {version(name)}" for name in ("regard", "torch", "sacrebleu"))
    text = "\n".join(
        [
            f"# {options.task}: {tasks[options.task].__doc__}",
            "",
            *lines,
            "",
            f"Machine: {_processor()}, CPU threads: {options.threads or os.cpu_count()}; {used}; "
            f"Python {platform.python_version()}; commit {_commit()}.",
            "",
            f"By `python benchmarks/real_data.py {options.task}`, which ran:",
            "",
            "```sh",
            commands,
            "```",
            "",
        ]
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.task}.md").write_text(text, encoding="utf-8")
    print(text)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, stdout=subprocess.PIPE, text=True)
    return run.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
