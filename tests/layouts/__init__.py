"""One module per dataset: a tiny raw tree as its owners publish it, and the result that the pipeline must give.

Written from what is known of the dataset, never from its manifest, so that a mistake in the manifest is found. A module
is named like its dataset and has one function, `write(root)`, which writes the files and returns a `Layout`.
"""
