"""Decoders: how the context enters (step 5), each in the way of its paper; and bridges, which start them."""

from regard.decoders.bahdanau import BahdanauDecoder
from regard.decoders.base import Decoder
from regard.decoders.bridges import BRIDGES, Bridge, CopyBridge, DenseBridge, MeanBridge, ZeroBridge
from regard.decoders.gnmt import GNMTDecoder
from regard.decoders.luong import LuongDecoder
from regard.decoders.plain import PlainDecoder

DECODERS: dict[str, type[Decoder]] = {
    "plain": PlainDecoder,
    "bahdanau": BahdanauDecoder,
    "luong": LuongDecoder,
    "gnmt": GNMTDecoder,
}

__all__ = [
    "BRIDGES",
    "DECODERS",
    "BahdanauDecoder",
    "Bridge",
    "CopyBridge",
    "Decoder",
    "DenseBridge",
    "GNMTDecoder",
    "LuongDecoder",
    "MeanBridge",
    "PlainDecoder",
    "ZeroBridge",
]
