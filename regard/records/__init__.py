"""Records that travel between packages: `text` and `search_options` need no torch, `tensors` does."""
