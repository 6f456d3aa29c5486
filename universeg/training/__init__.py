"""Training: the command, the loop, the sources of its episodes, its checkpoints and its log."""
