"""What each experiment consists of. To add one: an entry in EXPERIMENTS, and its numbers in paper.csv."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from universeg.base.lookup import choose

PAPER_ENSEMBLE = 10  # K of the paper's main numbers (tables 5, 7 and 12 agree); its section 5.1 says 5
Kind = Literal["grid", "limited", "ensembles", "heat", "pictures"]


@dataclass(frozen=True)
class Row:
    """One row of a table: which network, and whether with K = 1 or the scale's ensemble in place of the paper's 10."""

    label: str
    network: str
    ensemble: int = PAPER_ENSEMBLE
    column: str = ""  # of table 11, which has a row for each network and a column for each setting


@dataclass(frozen=True)
class Experiment:
    """One table or figure of the paper, or several that are made of the same numbers."""

    name: str
    title: str
    kind: Kind
    also: tuple[str, ...] = ()  # other names: the figure of a table
    rows: tuple[Row, ...] = ()  # of a grid
    best_of: Mapping[str, tuple[str, ...]] | None = None  # label -> networks of which the best one is reported
    nnunet: bool = False  # whether it reports the results of the experiment nnunet, if there are any

    @property
    def networks(self) -> list[str]:
        """The networks that it needs."""
        if self.kind == "heat":
            return list(dict.fromkeys(SIZES.values()))
        if self.best_of:
            return [name for names in self.best_of.values() for name in names]
        return list(dict.fromkeys(row.network for row in self.rows)) or [MAIN]


MAIN = "universeg"
SIZES = {n: f"universeg-{n}" for n in (1, 2, 4, 8, 16, 32)} | {64: MAIN}
BASELINES = {"PANet": "panet", "ALPNet": "alpnet", "SE-net": "senet"}
METHODS = {
    label: tuple(f"{name}-{n}{end}" for n in (1, 64) for end in ("-plain", "")) for label, name in BASELINES.items()
} | {"UniverSeg": (MAIN,)}
# Model, N, with augmentation, network; UniverSeg without augmentation still trains on synthetic tasks (table 6).
VARIANTS = [
    (label, n, augmented, f"{name}-{n}" + ("" if augmented else "-plain"))
    for label, name in BASELINES.items()
    for n in (1, 64)
    for augmented in (False, True)
] + [
    ("UniverSeg", 1, False, "universeg-1-plain"),
    ("UniverSeg", 1, True, "universeg-1"),
    ("UniverSeg", 64, False, "synth-medical"),
    ("UniverSeg", 64, True, MAIN),
]
WITH = {False: "without", True: "with"}
PARTS = {2: "1 dataset", 5: "2 datasets", 10: "5 datasets", 25: "11 datasets", 50: "23 datasets", 75: "34 datasets"}

EXPERIMENTS: Mapping[str, Experiment] = {
    each.name: each
    for each in (
        Experiment("table-1", "Parameters, runtime and Dice", "grid", best_of=METHODS, nnunet=True),
        Experiment("table-5", "Method comparison", "grid", ("figure-4",), best_of=METHODS, nnunet=True),
        Experiment(
            "table-6", "Training strategies", "grid", ("table-2",),
            (
                Row("Synth", "synth"), Row("Medical", "medical"), Row("Synth + Medical", "synth-medical"),
                Row("Medical + in-task", "medical-in-task"), Row("Medical + task", "medical-task"),
                Row("Medical + in-task + task", "medical-both"), Row("all", MAIN),
            ),
        ),
        Experiment(
            "table-7", "Support size in training", "grid", ("figure-7",),
            tuple(Row(f"N = {n}, K = {k}", name, k) for n, name in SIZES.items() for k in (1, PAPER_ENSEMBLE)),
        ),
        Experiment("table-8", "Limited example data", "limited", ("figure-8",)),
        Experiment("table-9", "Support size and ensemble size", "ensembles", ("figure-9",)),
        Experiment(
            "table-10", "Number of training datasets and tasks", "grid", ("figure-6",),
            (*(Row(f"{what}, {d}", f"datasets-{p:02d}-{d}") for p, what in PARTS.items() for d in "abc"),
             Row("all datasets", "medical-both")),
        ),
        Experiment(
            "table-11", "Variants of the few-shot networks", "grid", (),
            tuple(
                Row(f"{label}, N = {n}", name, k, f"{WITH[augmented]}, K = {k}")
                for label, n, augmented, name in VARIANTS for k in (1, PAPER_ENSEMBLE)
            ),
        ),
        Experiment(
            "table-12", "Variants of the few-shot networks, by dataset", "grid", (),
            tuple(Row(f"{label}, N = {n}, {WITH[augmented]}", name) for label, n, augmented, name in VARIANTS),
        ),
        Experiment("figure-13", "Support size in training and in the evaluation", "heat"),
        Experiment("figure-5", "Predictions of all methods", "pictures", ("figure-15",), best_of=METHODS, nnunet=True),
        Experiment("figure-14", "Support sets", "pictures"),
        Experiment("figure-16", "Support set and predictions of one label", "pictures"),
        Experiment("figure-17", "The same images with another label", "pictures"),
        Experiment("figure-18", "Inverted images", "pictures"),
        Experiment("figure-19", "Several labels by a softmax", "pictures"),
        Experiment("figure-20", "Predictions by support size", "pictures"),
        Experiment("figure-21", "Predictions with different support sets, and their ensemble", "pictures"),
    )
}  # fmt: skip
NAMES = {name: each for each in EXPERIMENTS.values() for name in (each.name, *each.also)}


def experiment(name: str) -> Experiment:
    """The experiment with this name, or that makes the table or figure with this name."""
    return choose(NAMES, name, "experiment")
