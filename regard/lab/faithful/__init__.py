"""Does attention explain a model? Compare its weights, over a corpus, with what changes the output."""
