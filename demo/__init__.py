"""The whole path in a few minutes: `make demo`, or `python -m demo --help`."""
