"""Fused operations: the plain form first, then the compiled forward and backward."""
