"""Sequence-to-sequence models with attention: train, translate, align, evaluate, and see what attention did."""
