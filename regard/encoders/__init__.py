"""Encoders: a sentence in, one state per token and a last state out."""

from regard.encoders.base import Encoder
from regard.encoders.gnmt import GNMTEncoder
from regard.encoders.recurrent import RecurrentEncoder

ENCODERS: dict[str, type[Encoder]] = {"recurrent": RecurrentEncoder, "gnmt": GNMTEncoder}

__all__ = ["ENCODERS", "Encoder", "GNMTEncoder", "RecurrentEncoder"]
