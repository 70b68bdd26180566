"""Draw the README's chart: `results/peers.md` as bars, `regard` against eole and the textbook for each task.

python benchmarks/chart.py [--out docs/pictures/speed.svg]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

HERE = Path(__file__).resolve().parent
TASKS = {
    "training, 64 sentences": "training\n64 sentences",
    "training, 2 layers, 64 sentences": "training\n2 layers",
    "training, 4,096 tokens": "training\n4,096 tokens",
    "greedy, 64 sentences": "greedy\n64 sentences",
    "beam 5, 64 sentences": "beam 5\n64 sentences",
    "greedy, one by one": "greedy\none by one",
}
COLOURS = {"regard": "#1b6ca8", "eole": "#d1803c", "textbook": "#9aa0a6"}


def rates(file: Path) -> dict[str, dict[str, float]]:
    """Read target tokens per second, by task and system, from the tables of a file."""
    found: dict[str, dict[str, float]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in TASKS and len(cells) > 2 and cells[2].replace(",", "").isdigit():
            found.setdefault(cells[0], {})[cells[1]] = float(cells[2].replace(",", ""))
    return found


def draw(found: dict[str, dict[str, float]], out: Path) -> None:
    """Draw bars relative to eole in float32, and eole under autocast as a line across its bar."""
    mpl.rcParams["svg.hashsalt"] = "regard"
    figure, axes = plt.subplots(figsize=(8.5, 3.4), layout="constrained")
    tasks = [task for task in TASKS if task in found]
    for x, task in enumerate(tasks):
        rate_of = found[task]
        eole = {name: rate for name, rate in rate_of.items() if name.startswith("eole")}
        base = next(rate for name, rate in eole.items() if "autocast" not in name)
        autocast = next((rate for name, rate in eole.items() if "autocast" in name), None)
        bars = {"regard": rate_of["regard"], "eole": base, "textbook": rate_of["textbook"]}
        for step, (name, rate) in enumerate(bars.items()):
            axes.bar(x + 0.27 * (step - 1), rate / base, 0.25, color=COLOURS[name], label=name)
        axes.text(
            x - 0.27, bars["regard"] / base + 0.06, f"{bars['regard'] / base:.1f}×", ha="center", size=9
        )
        if autocast is not None:
            axes.plot([x - 0.125, x + 0.125], [autocast / base] * 2, color="#8a4b12", lw=2)
    axes.set_xticks(range(len(tasks)), [TASKS[task] for task in tasks], size=8)
    axes.set_ylabel("target tokens/s, eole in float32 = 1", size=8)
    axes.spines[["top", "right"]].set_visible(False)
    handles: list[Artist] = [Patch(color=colour) for colour in COLOURS.values()]
    handles.append(Line2D([], [], color="#8a4b12", lw=2))
    axes.set_ylim(top=1.2 * axes.get_ylim()[1])  # leave space for the legend
    axes.legend(handles, [*COLOURS, "eole under autocast"], frameon=False, fontsize=8, ncols=2)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, metadata={"Date": None})


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--results", type=Path, default=HERE / "results" / "peers.md")
    arguments.add_argument("--out", type=Path, default=HERE.parent / "docs" / "pictures" / "speed.svg")
    options = arguments.parse_args()
    draw(rates(options.results), options.out)
    print(options.out)


if __name__ == "__main__":
    main()
