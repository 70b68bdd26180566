"""The model folder: weights, configuration, tokenisers and model card, saved together.

    runs/NAME/                     the best model so far, ready for `regard translate runs/NAME`
        format.json                the version of this layout
        config.yaml                the exact recipe
        model.safetensors          the weights
        source.tokeniser.json      text to tokens and back, one file a side
        target.tokeniser.json
        README.md                  the model card
        last/                      the training state that a resumed run reads (regard.training.state)

Nothing is ever unpickled. A save is one `atomic_update`: a process killed at any instant leaves either the old files
or the new ones, never a mixture.
"""

from __future__ import annotations

from regard.checkpoint.layout import (
    CARD,
    CONFIG,
    FORMAT,
    FORMAT_VERSION,
    SOURCE_TOKENISER,
    TARGET_TOKENISER,
    WEIGHTS,
)
from regard.checkpoint.model_card import ModelCard, render_card
from regard.checkpoint.model_folder import (
    SavedModel,
    Tokenisers,
    check_format,
    load_config,
    load_model,
    load_tokenisers,
    read_weights,
    save_model,
)

__all__ = [
    "CARD",
    "CONFIG",
    "FORMAT",
    "FORMAT_VERSION",
    "SOURCE_TOKENISER",
    "TARGET_TOKENISER",
    "WEIGHTS",
    "ModelCard",
    "SavedModel",
    "Tokenisers",
    "check_format",
    "load_config",
    "load_model",
    "load_tokenisers",
    "read_weights",
    "render_card",
    "save_model",
]
