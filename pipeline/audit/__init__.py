"""Checks of what was built: where each record comes from, whether data leaked, and whether two builds are the same."""
