"""All checks of a support set together: findings, expected Dice, curve, and influence on request. No torch here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from universeg.prediction.check.confidence import Calibration, sureness
from universeg.prediction.check.curve import Curve, curve, work
from universeg.prediction.check.findings import Finding
from universeg.prediction.check.influence import Influence, influence_work, influences
from universeg.prediction.check.leave_one_out import Estimate, Found, Limits, Segments, leave_one_out
from universeg.prediction.check.support_doctor import masks_follow_edges, support_findings
from universeg.prediction.check.trial_doctor import trial_findings

THOROUGH = Limits(queries=32, shown=32)  # with --check
UNRELATED = 30.0  # expected Dice of masks that have nothing to do with their images, at most
QUICK = Limits(queries=8, shown=16, slices=4)  # before images are segmented


@dataclass(frozen=True)
class Checkup:
    """What is known of a support set before it is used."""

    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None  # None for a single example
    curve: Curve | None = None
    influences: tuple[Influence, ...] = ()
    fixed: tuple[str, ...] = ()  # what --fix changed

    def expected(self, frames: Sequence[Found]) -> float | None:
        """Expected Dice of one image, 0..100: the mean over its frames; None without leave-one-out."""
        if self.estimate is None:
            return None
        calibration = Calibration.of(self.estimate)
        dice = [calibration.expected(sureness(frame.probability, frame.winners)) for frame in frames]
        return round(sum(dice) / len(dice), 1)


@dataclass(frozen=True)
class Plan:
    """Which checks to make."""

    limits: Limits = QUICK
    with_curve: bool = False
    with_influences: bool = False

    def work(self, examples: int) -> int:
        """How many segmentations that is, for a progress bar."""
        if examples < 2:
            return 0
        queries = min(examples, self.limits.queries)
        count = work(examples, self.limits) if self.with_curve else queries
        return count + (influence_work(examples) if self.with_influences and examples > 2 else 0)


def check_up(segmenter: Segments, plan: Plan | None = None, advance: Callable[[], None] = lambda: None) -> Checkup:
    """Check the examples of a segmenter; `advance` is called after each segmentation.

    Raises ImageError if all masks are empty.
    """
    plan = plan or Plan()
    examples, found = segmenter.examples, support_findings(segmenter.examples)
    if len(examples.images) < 2:
        return Checkup(tuple(found))
    estimate = leave_one_out(segmenter, plan.limits, advance)
    known = {at for one in found if one.fix and one.fix.action == "invert" for at in one.fix.examples}
    found += [one for one in trial_findings(estimate) if one.fix is None or not known.issuperset(one.fix.examples)]
    if estimate.dice < UNRELATED and not masks_follow_edges(examples):
        says = "the examples do not predict each other, and the masks do not follow the edges of their images"
        found.append(Finding(says, "check that each mask belongs to its image"))
    points = curve(segmenter, estimate, plan.limits, advance) if plan.with_curve else None
    matter = influences(segmenter, estimate, advance) if plan.with_influences else []
    return Checkup(tuple(found), estimate, points, tuple(matter))
