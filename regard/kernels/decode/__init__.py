"""Steps of a search: decoder and output layer as one operation, and the precision of its products."""
