"""Start training runs in other processes, wait for them, and read their logs."""

import json
import time


def command(config, *extra):
    """The words of a command line that trains with the settings of a test's config."""
    options = {
        "--out": config.out, "--steps": config.steps, "--support-size": config.support_size, "--precision": "float32",
        "--learning-rate": config.learning_rate, "--validate-every": config.validate_every,
        "--checkpoint-every": config.checkpoint_every, "--augment.preset": config.augment.preset,
    }  # fmt: skip
    given = [str(word) for pair in options.items() for word in pair]
    return [*given, "--stores", str(config.stores[0]), "--model.widths", "8", "8", "8", "--device", "cpu", *extra]


def rows(config, key):
    """(step, value) of each complete line of the log that has a key; a killed process can leave an incomplete line."""
    path = config.out / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    complete = [json.loads(line) for line in lines if line.endswith("\n")]
    return [(row["step"], row[key]) for row in complete if key in row]


def wait_for(condition, process):
    """Wait until a condition holds; fails after a minute, or if the process ends before."""
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the process ended too early"
        assert time.monotonic() < until, "the condition did not hold within a minute"
        time.sleep(0.005)
