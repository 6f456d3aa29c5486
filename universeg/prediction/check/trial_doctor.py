"""What leave-one-out says about single examples: which disagree with the others, and why. No torch here."""

from pathlib import Path

import numpy as np

from universeg.prediction.check.findings import Finding, Fix
from universeg.prediction.check.leave_one_out import Estimate, Trial, labels_of

LEAST_TRIALS = 4  # to say that one disagrees with the others
LEAST_DROP = 25.0  # Dice below the median of the others, for an example that disagrees
SPREADS = 4.0  # and so many median deviations below it
BETTER = 30.0  # Dice by which a mask fits better inverted


def trial_findings(estimate: Estimate) -> list[Finding]:
    """Examples that disagree with the others, the worst first."""
    if len(estimate.trials) < LEAST_TRIALS:
        return []
    scores = np.array([trial.dice for trial in estimate.trials])
    usual = float(np.median(scores))
    spread = float(np.median(np.abs(scores - usual)))
    limit = usual - max(LEAST_DROP, SPREADS * spread)
    low = [trial for trial in estimate.trials if trial.dice < limit]
    return [_finding(trial, usual) for trial in sorted(low, key=lambda trial: trial.dice)]


def _finding(trial: Trial, usual: float) -> Finding:
    marked = bool((labels_of(trial.query) != 0).any())  # inverted, an empty mask would mark everything
    turned = inverted_dice(trial) if len(trial.of_labels) == 1 and marked else 0.0
    name = Path(trial.name).name
    drop = f"Dice {trial.dice:.0f} where the others have {usual:.0f}"
    if turned > trial.dice + BETTER:
        return Finding(
            f"the mask of {name} looks inverted: {drop}, and {turned:.0f} with inside and outside exchanged",
            "exchange inside and outside in this mask",
            Fix("invert", (trial.example,)),
        )
    return Finding(f"{name} disagrees with the other examples: {drop}", "check its mask, or leave it out")


def inverted_dice(trial: Trial) -> float:
    """Dice of the answer with the outside of the mask, 0..100."""
    answer = trial.winners != 0
    outside = (labels_of(trial.query) == 0) & trial.query.region
    total = np.count_nonzero(answer) + np.count_nonzero(outside)
    return 200 * np.count_nonzero(answer & outside) / total if total else 0.0
