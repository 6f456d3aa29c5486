"""Runs of universeg-train in processes of their own: how to start them, and what they left."""

import json
import time


def command(config, *extra):
    options = {
        "--out": config.out, "--steps": config.steps, "--support-size": config.support_size, "--precision": "float32",
        "--learning-rate": config.learning_rate, "--validate-every": config.validate_every,
        "--checkpoint-every": config.checkpoint_every, "--augment.preset": config.augment.preset,
    }  # fmt: skip
    given = [str(word) for pair in options.items() for word in pair]
    return [*given, "--stores", str(config.stores[0]), "--model.widths", "8", "8", "8", "--device", "cpu", *extra]


def rows(config, key):
    lines = (config.out / "metrics.jsonl").read_text().splitlines()
    return [(row["step"], row[key]) for row in map(json.loads, lines) if key in row]


def steps_of(config):
    """Lines of the log so far; a killed process may have cut the last one short."""
    path = config.out / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def wait_for(condition, process):
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < until
        time.sleep(0.005)
