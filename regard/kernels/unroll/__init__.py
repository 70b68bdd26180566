"""Whole loops over time as one operation, forward and backward, put together from stages."""
