"""Queries beside what each network thinks of them: soft predictions, before they are cut to masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from universeg.base.contact_sheet import Panel, heat, outlined, sheet
from universeg.episodes.dice import Score
from universeg.evaluation.config import Configuration, EvaluateConfig
from universeg.evaluation.scorer import Scorer

MOST_ROWS = 100  # one sheet of more tasks than this cannot be opened everywhere
SIDE = 192  # pixels of a panel


@dataclass(frozen=True)
class Example:
    """One query: its truth, and for each network how probable each pixel is."""

    task: str
    panels: Sequence[Panel]


def examples(config: EvaluateConfig, scorer: Scorer, scores: Mapping[Configuration, Sequence[Score]]) -> list[Example]:
    """Queries of a task at even steps from the first network's worst to its best; at the largest support."""
    sizes = max(config.support_size), max(config.ensemble)
    dice = {
        str(weights): {score.query: score for score in scores[Configuration(str(weights), *sizes)]}
        for weights in config.weights
    }
    ordered = sorted(next(iter(dice.values())).values(), key=lambda score: score.dice)
    steps = np.linspace(0, len(ordered) - 1, min(config.pictures, len(ordered))).round().astype(int)
    found = list[Example]()
    for score in (ordered[step] for step in steps):
        image, truth = scorer.query(score.task.key, score.query)
        panels = [Panel(outlined(image, {"truth": truth}, SIDE), f"{score.task.key}\n{score.query}: truth")]
        for weights, by_query in dice.items():
            soft = scorer.soft(score.task.key, score.query, weights)
            caption = f"{weights}\nDice {by_query[score.query].dice:.1f}"
            panels.append(Panel(heat(image, soft, SIDE), caption))
        found.append(Example(score.task.key, panels))
    return found


def drawn(shown: Sequence[Example]) -> Image.Image:
    """A row for each task."""
    rows = dict[str, list[Panel]]()
    for example in shown:
        rows.setdefault(example.task, []).extend(example.panels)
    more = f": {MOST_ROWS} of {len(rows)} tasks" if len(rows) > MOST_ROWS else ""
    title = f"Queries from the worst to the best, and how probable each pixel is{more}"
    return sheet(list(rows.values())[:MOST_ROWS], title, ["truth"])
