"""The colours of the page and of the films, light and dark, safe for the colour-blind.

Blues, greens and vermilions are those of Okabe & Ito (2008), darkened or lightened for enough contrast with the page
and with the text on them.
"""

from __future__ import annotations

import re

COLOURS: dict[str, tuple[str, str]] = {  # name: (light, dark)
    "page": ("#fbfaf7", "#14171a"),
    "card": ("#ffffff", "#1c2024"),
    "ink": ("#1d2329", "#e7eaee"),
    "soft-ink": ("#59626c", "#a3adb8"),
    "line": ("#d9dcdf", "#3a4149"),
    "faint-line": ("#eceef0", "#272d33"),
    "encoder": ("#00805d", "#2bb68c"),
    "encoder-fill": ("#e2f3ec", "#12352b"),
    "decoder": ("#c24e00", "#f08a3c"),
    "decoder-fill": ("#fdeadb", "#46260d"),
    "context": ("#0072b2", "#5cb8ef"),
    "context-fill": ("#0072b2", "#1b6ea3"),
    "weight": ("#0072b2", "#4aabe6"),
    "weight-soft": ("#5aa5d1", "#2b7cae"),
    "heat": ("#005f94", "#3e90c1"),  # text stays readable on every mixture with `track`
    "on-weak": ("#000000", "#ffffff"),
    "on-heat": ("#ffffff", "#000000"),
    "track": ("#eef1f4", "#262c32"),
    "above": ("#00805d", "#35c79b"),
    "below": ("#c24e00", "#f08a3c"),
    "bed": ("#ffffff", "#14171a"),
    "on-strong": ("#ffffff", "#10151a"),
    "candidate": ("#f6cfae", "#6b3a14"),
    "candidate-soft": ("#e3e7eb", "#333b43"),
    "focus": ("#9a3b9a", "#e8a4e8"),
    "changed": ("#fff0b8", "#4d4213"),
}


def colour_rules() -> str:
    """Return style rules that define all colours: light, dark if the reader's system is, or as chosen on the page."""
    light, dark = (";".join(f"--{name}:{pair[theme]}" for name, pair in COLOURS.items()) for theme in (0, 1))
    chosen = f':root[data-theme="dark"]{{color-scheme:dark;{dark}}}'
    system = (
        f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{color-scheme:dark;{dark}}}}}'
    )
    return f":root{{color-scheme:light;{light}}}{system}{chosen}"


def with_colours(style: str, *, dark: bool = False) -> str:
    """Replace every `var(--name)` in a style by its colour, for renderers without CSS variables."""
    return re.sub(r"var\(--([\w-]+)\)", lambda found: COLOURS[found[1]][dark], style)
