"""Episodes: a query of a task, and the support set that it is segmented with.

`sampling` decides which episodes there are, `task_stores` loads their pixels, `segment` predicts, and `dice` scores.
Training and evaluation share this code.
"""
