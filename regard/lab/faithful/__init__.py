"""Does attention explain a model? Its weights against what really moves the output, over a corpus."""
