"""Steps of a search: the decoder with its vocabulary as one operation, and the precision of its products."""
