"""Attention: score functions, normalisers, and the steps from query to context."""

from regard.attention.attention import Attention
from regard.attention.normalisers import NORMALISERS, Normaliser, Softmax
from regard.attention.scores import (
    SCORES,
    AdditiveScore,
    CosineScore,
    DotScore,
    GeneralScore,
    LocationScore,
    NoScore,
    ScaledDotScore,
    Score,
    UniformScore,
)

__all__ = [
    "NORMALISERS",
    "SCORES",
    "AdditiveScore",
    "Attention",
    "CosineScore",
    "DotScore",
    "GeneralScore",
    "LocationScore",
    "NoScore",
    "Normaliser",
    "ScaledDotScore",
    "Score",
    "Softmax",
    "UniformScore",
]
