"""Pictures of an evaluation: queries, their ground truth, and the probabilities that each network predicts."""

from collections.abc import Sequence

from PIL import Image

from universeg.base.contact_sheet import Panel, heat, outlined, sheet
from universeg.evaluation.result import Example

MAX_ROWS = 100  # some viewers cannot open a larger picture
SIDE = 192  # pixels of a panel


def draw_examples(examples: Sequence[Example]) -> Image.Image:
    """One row per task: each of its queries with the ground truth, then with the prediction of each network."""
    rows = dict[str, list[Panel]]()
    for example in examples:
        rows.setdefault(example.task, []).extend(_panels(example))
    part = f" ({MAX_ROWS} of {len(rows)} tasks)" if len(rows) > MAX_ROWS else ""
    title = f"Predicted probabilities, for queries from the lowest Dice to the highest{part}"
    return sheet(list(rows.values())[:MAX_ROWS], title, ["ground truth"])


def _panels(example: Example) -> list[Panel]:
    ground_truth = outlined(example.image, {"ground truth": example.ground_truth}, SIDE)
    return [
        Panel(ground_truth, f"{example.task}\n{example.query}: ground truth"),
        *(
            Panel(heat(example.image, each.probability, SIDE), f"{each.weights}\nDice {each.dice:.1f}")
            for each in example.predictions
        ),
    ]
