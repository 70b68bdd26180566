"""The lab: recipes compared with each other, and the demo that shows what attention is for."""
