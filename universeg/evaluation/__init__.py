"""Evaluation: how well networks segment datasets that they were not trained on (paper, section 5.1).

`cli` is the command `universeg-evaluate`. `protocol` chooses queries and support sets, `scorer` segments and scores
them, `result` holds the outcome, and `report` writes it with `tables`, `plots` and `pictures`. `audit` is the command
`universeg-audit`. To add a baseline, see `baselines`.
"""
