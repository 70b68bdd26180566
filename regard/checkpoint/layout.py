"""The names of the files in a model folder."""

from __future__ import annotations

FORMAT_VERSION = 1
FORMAT = "format.json"
CONFIG = "config.yaml"
WEIGHTS = "model.safetensors"
SOURCE_TOKENISER = "source.tokeniser.json"
TARGET_TOKENISER = "target.tokeniser.json"
CARD = "README.md"
