"""Building, training, evaluating and segmenting, in a few minutes: `make demo`, or `python -m demo --help`."""
