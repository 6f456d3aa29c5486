"""The forecast of a run: time, memory and disk."""

import os
import re
from dataclasses import replace

from universeg.training import cost_estimate
from universeg.training.cost_estimate import Cost, estimate


def test_time_memory_and_disk_are_measured_and_nothing_is_written(config, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1000.0, 0, 0))
    words = "\n".join(estimate(replace(config, least_support_size=1, steps=5000, ema=0.9, minutes=0.001)))
    measured = r"[\d.]+ s per step, [\d.]+ steps/s; loading [\d.]+ s per step, .*; memory of the process \d+ MiB"
    assert re.search(rf"N = 1: {measured}\nN = 3: {measured}", words)
    assert re.search(r"in 0.001 minutes: about \d+ of 5000 steps", words)
    assert re.search(r"5000 steps: about \d+:\d\d:\d\d, including a validation of 6 dev episodes every 5 steps", words)
    assert re.search(r"on disk: \d+ MiB of checkpoints and weights, about 1 MiB of logs", words)
    assert "other programs use this machine (load 1000.0, " in words
    assert not config.out.exists()


def test_the_time_of_the_run_follows_from_the_measured_costs(config, monkeypatch):
    """A step at N takes N - 1 s of learning and 2 N s of loading, which two loaders share: N s in all."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0, 0))
    monkeypatch.setattr(cost_estimate, "_measure", lambda trainer, size: Cost(size, size - 1.0, 2.0 * size, 2**20))
    monkeypatch.setattr(cost_estimate, "_validation_seconds", lambda trainer: 100.0)
    wanted = replace(config, support_size=4, least_support_size=4, steps=100, validate_every=50, loaders=2)
    lines = list(estimate(wanted))
    assert lines[0].startswith("N = 4: 3.000 s per step, 0.33 steps/s; loading 8.000 s per step, 2 loader(s)")
    assert lines[1].startswith("100 steps: about 0:11:40, including")  # 100 x 4 s, and 3 validations
    mean = re.search(r"about 0:(\d+):(\d+)", list(estimate(replace(wanted, least_support_size=2)))[-2])
    assert 500 < 60 * int(mean[1]) + int(mean[2]) < 700  # N is between 2 and 4
