"""Matrix products with weights: micro-kernels, packed and 8-bit weights, and weight gradients formed once a loop."""
