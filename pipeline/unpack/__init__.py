"""Unpack archives into one folder: all of them or nothing, never outside the folder, within size limits."""
