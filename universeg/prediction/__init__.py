"""Segment a person's own images: find pairs, preprocess, predict, draw, report."""
