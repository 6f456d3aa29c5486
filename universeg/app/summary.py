"""What the page shows of a session: the list of images, the examples, the labels, and what Dice to expect.

No torch here.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from statistics import fmean
from typing import Any

from universeg.app.session import Session
from universeg.app.state import FIRST_DRAFT, KEPT, Draft, ImageState, Progress, as_entries
from universeg.prediction.check.confidence import Calibration
from universeg.prediction.check.leave_one_out import verdict
from universeg.prediction.check.show import summary
from universeg.prediction.report.result import Result, look_first


def told(session: Session, work: Progress, export: Progress, since: int = -1) -> dict[str, Any]:
    """The session as JSON; of the images those that changed after version `since`."""
    with session.lock:
        calibration = Calibration.of(session.checkup.estimate) if session.checkup.estimate is not None else None
        expected = {key: _expected(session, key, calibration) for key in session.states}
        images = [
            _image(session, key, expected[key]) for key, state in session.states.items() if state.changed >= since
        ]
        whole: dict[str, Any] = {
            "version": session.version,
            "folder": session.folder.path.name,
            "path": str(session.folder.path),
            "labels": as_entries(session.labels),
            "settings": {name: getattr(session.settings, name) for name in KEPT},
            "imported": session.imported,
            "notes": session.notes,
            "measurable": session.can_measure(),
            "dicom": any(entry.query.series is not None for entry in session.folder.entries.values()),
            "examples": {"count": len(session.examples()), "needed": FIRST_DRAFT, "number": session.examples_number},
            "expected": _estimate(session),
            "findings": [
                str(finding).replace(f"{session.folder.path}{os.sep}", "") for finding in session.checkup.findings
            ],
            "order": _look_first(session, expected),
            "work": asdict(work),
            "better": _better(session),
            "resting": bool(session.wishes.rest),
            "export": asdict(export),
            "images": images,
        }
        if since < 0:
            whole["keys"] = [*session.states]
        return whole


def _image(session: Session, key: str, expected: float | None) -> dict[str, Any]:
    state, entry = session.states[key], session.entry(key)
    return {
        "key": key,
        "title": entry.title,
        "count": state.count,
        "volume": state.volume or (state.count is None and entry.looks_like_volume),
        "error": state.error,
        "expected": expected,
        "slices": {str(row): [part.done, part.example, part.revision] for row, part in state.slices.items()},
        "drafts": {str(row): part.examples for row, part in state.drafts.items()},
        "doubts": {str(row): part.doubts for row, part in state.drafts.items() if part.doubts},
        "without": state.skipped == session.examples_number,  # no draft: the examples are of another kind
        "changed": state.changed,
    }


def _expected(session: Session, key: str, calibration: Calibration | None) -> float | None:
    """Expected Dice of the drafts of an image, 0..100, the mean over its slices."""
    drafts = _open_drafts(session.states[key])
    if calibration is None or not drafts:
        return None
    return round(fmean(calibration.expected(draft.sureness) for draft in drafts), 1)


def _estimate(session: Session) -> dict[str, Any] | None:
    estimate = session.checkup.estimate
    if estimate is None:
        return None
    low, high = estimate.interval
    return {
        "dice": round(estimate.dice, 1),
        "low": round(low, 1),
        "high": round(high, 1),
        "verdict": verdict(estimate.dice),
        "told": summary(estimate),
        "current": session.checked == session.examples_number,
    }


def _better(session: Session) -> dict[str, Any]:
    """What improves results: in use, and being looked for."""
    better = session.better
    return {
        "effort": better.effort if better else "quick",
        "adapted": bool(better and better.adapted),
        "lines": session.trial if session.wishes.better or not better else better.lines,
        "examples": better.examples if better else 0,
        "searching": session.wishes.better,
    }


def _look_first(session: Session, expected: Mapping[str, float | None]) -> list[str]:
    """The images with drafts, those that are probably worst first, then those that the network is unsure of."""
    drafts = {key: _open_drafts(state) for key, state in session.states.items()}
    unsure = sorted(
        (key for key in drafts if drafts[key]), key=lambda key: fmean(draft.sureness for draft in drafts[key])
    )
    found = [
        Result(
            key,
            expected_dice=expected[key],
            warnings=tuple(drafts[key][0].doubts if not session.states[key].volume else ()),
        )
        for key in unsure
    ]
    return [result.image for result in look_first(found)]


def _open_drafts(state: ImageState) -> list[Draft]:
    """The drafts that nobody accepted or painted over."""
    return [draft for row, draft in state.drafts.items() if row not in state.slices]
