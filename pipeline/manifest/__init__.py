"""The manifest of a dataset: what its YAML file can say, and how it is read and checked.

`schema` has the model of a whole manifest and reads it; `source_file` and `layout` have its two large parts: the files
to download, and the meaning of the files. `licence` and `expected_counts` answer questions from a manifest alone.
"""
