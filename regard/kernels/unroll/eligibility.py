"""Which parts a fused path may replace.

A fused path reads the weights of a part and computes what the part's own class computes. It belongs to the class that
declares it and not to its heirs: a subclass may override any of the plain form, so it runs as it is written until it
declares the fused path anew (`kernel = LSTMCell.kernel`), and says by that that it computes the same.
"""

from __future__ import annotations

from torch import nn

from regard.kernels.gemm.linear import Linear


def declares(part: object, path: str) -> bool:
    """Return whether the class of a part itself declares this attribute, rather than inheriting it."""
    return path in vars(type(part))


def are_linear(*parts: nn.Module | None) -> bool:
    """Return whether all parts, or those that are there, are linear layers and nothing more: `W x + b`."""
    return all(part is None or type(part) in (Linear, nn.Linear) for part in parts)
