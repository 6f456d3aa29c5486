"""How any image becomes what the network sees: intensities in [0, 1] on a square grid. No torch here.

The pipeline builds stores with these functions and prediction applies them to a person's own images: one code, so
that the network meets at prediction what it was trained on. Paper, section A.
"""
