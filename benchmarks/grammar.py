"""How many pairs per second the embedded grammar generates on one core, by split."""

from __future__ import annotations

import time

from machine import machine

from regard.data.grammar import generate


def main() -> None:
    print(machine())
    for split, num_pairs in (("train", 20_000), ("validation", 1_000), ("test", 1_000)):
        started = time.perf_counter()
        generated = sum(1 for _ in generate(num_pairs, seed=1, split=split))  # type: ignore[arg-type]
        print(f"{split:<11} {generated / (time.perf_counter() - started):>9,.0f} pairs/s")


if __name__ == "__main__":
    main()
