"""The lab: evaluate and compare systems, test whether attention is faithful, and run the demo."""
