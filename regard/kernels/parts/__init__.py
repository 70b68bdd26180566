"""The parts that fused loops are put together from: each remembers its steps and goes back over them by hand.

autograd would make dozens of small operations of every step, forwards and back. A part keeps what it was given at
every step in one block, works in place, and forms what all steps share, the gradients of weights and memories, at
the end and at once. Blocks are time-major and numbered in the order in which steps are taken.
"""

from regard.kernels.parts.layers import CELLS, Cell, LayerInput
from regard.kernels.parts.looks import Look, additive_scores, dot_product_scores, softmax_and_sum
from regard.kernels.parts.product import Product, column_sums, tanh_back
from regard.kernels.parts.steps import PackedSteps, PaddedSteps

__all__ = [
    "CELLS",
    "Cell",
    "LayerInput",
    "Look",
    "PackedSteps",
    "PaddedSteps",
    "Product",
    "additive_scores",
    "column_sums",
    "dot_product_scores",
    "softmax_and_sum",
    "tanh_back",
]
