"""How far a result can be trusted: expected Dice, what looks wrong and how to fix it, confidence of each image."""
