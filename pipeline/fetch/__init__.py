"""Obtain the files of a dataset: download them, copy them from a mirror, or ask a person; write a receipt."""
