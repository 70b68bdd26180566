"""How many pairs a second the embedded grammar makes on one core, by split."""

from __future__ import annotations

import time

from machine import machine

from regard.data.grammar import generate


def main() -> None:
    print(machine())
    for split, number in (("train", 20_000), ("validation", 1_000), ("test", 1_000)):
        started = time.perf_counter()
        made = sum(1 for _ in generate(number, seed=1, split=split))  # type: ignore[arg-type]
        print(f"{split:<11} {made / (time.perf_counter() - started):>9,.0f} pairs/s")


if __name__ == "__main__":
    main()
