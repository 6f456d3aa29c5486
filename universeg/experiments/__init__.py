"""The tables and figures of the paper, each by one command: `universeg-experiment NAME`.

`catalogue` says what each experiment consists of; `networks.toml` has the networks that they compare, and `paper.csv`
the paper's numbers. An experiment is made of steps (`steps`), each of which writes one file: a trained network, the
scores of a network (`scores`), or its predictions with shared support sets (`repetitions`). A step whose file is there
is not done again, so a killed experiment continues, and a cluster can do the steps (`Snakefile`). `results` makes
tables and figures of the files, and `gallery` makes pictures. `nnunet` is the supervised upper bound.
"""
