"""What `universeg-predict` can be told about checks. No torch here."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """How far to check examples and results."""

    check: bool = False
    """Only check the examples: what Dice to expect, which examples disagree, what looks wrong, and what more examples
    would give. Needs no images to segment."""
    fix: bool = False
    """Correct what can be corrected safely, before the examples are used: images and masks exchanged, masks inverted or
    drawn as outlines, the same image twice. Files are not changed; the report says what was done."""
    confidence: bool = True
    """Before images are segmented, segment up to 8 examples by the others, to say what Dice to expect of each image."""
    influence: bool = False
    """Also measure how much each example helps the others. This takes up to 6 segmentations for each example."""
