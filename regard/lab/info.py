"""Describe this machine, the settings that `auto` chooses on it, and trained models."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from regard.checkpoint import load_model
from regard.kernels import choose_backend
from regard.training import choose_device, choose_precision

_LIBRARIES = ("regard", "torch", "numba", "tokenizers", "sacrebleu")
_HIDDEN_SIZE = 512  # the decoder size for which the precision is chosen


def machine_facts() -> dict[str, str]:
    """Return versions, processor, threads, GPUs, and the device, precision and kernels that `auto` chooses."""
    device = choose_device("auto")
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "versions": ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "processor": f"{_processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "vector units": torch.backends.cpu.get_cpu_capability(),
        "GPUs": ", ".join(gpus) or "none that torch can use",
        "device": str(device),
        "precision": str(choose_precision("auto", device, _HIDDEN_SIZE)).split(", kernels")[0],
        "kernels": str(choose_backend("auto", device)),
    }


def model_facts(folder: str | Path) -> dict[str, str]:
    """Return the parts, sizes and vocabularies of a trained model. Raises ModelError for an incomplete folder."""
    saved = load_model(folder)
    model, config = saved.model, saved.config.model
    shape = f"{config.encoder.num_layers} × {config.encoder.hidden_size} {config.encoder.cell}"
    if config.encoder.name == "recurrent" and config.encoder.bidirectional:
        shape += ", both directions"
    decoder = f"{config.decoder.num_layers} × {config.decoder.hidden_size} {config.decoder.cell}"
    attention = model.decoder.attention
    score = "none: the decoder sees the sentence as one fixed vector"
    if attention is not None:
        score = f"{config.attention.score}, {attention.score.formula} ({attention.score.source})"
    return {
        "encoder": f"{config.encoder.name}, {shape}",
        "decoder": f"{config.decoder.name}, {decoder}",
        "score": score,
        "query": model.decoder.query_source,
        "context": model.decoder.context_use,
        "loops": ", ".join(f"{part} {choice}" for part, choice in model.backends().items()),
        "parameters": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
        "vocabularies": f"source {len(saved.tokenisers.source):,}, target {len(saved.tokenisers.target):,}",
        "search": f"beam {saved.config.search.beam}, length penalty {saved.config.search.length_penalty:g}",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
