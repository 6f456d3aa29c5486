"""Unpack archives into one folder: completely or not at all, never outside it, within bounds."""
