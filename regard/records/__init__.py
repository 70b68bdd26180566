"""The nouns that travel between the rooms: `text` without torch, `tensors` with it."""
