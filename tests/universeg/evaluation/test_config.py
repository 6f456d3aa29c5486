"""The settings of an evaluation and of an audit."""

from pathlib import Path

import pytest
import tyro

from universeg.evaluation.audit import AuditConfig
from universeg.evaluation.config import Configuration, EvaluateConfig

NEEDED = ["--weights", "w.safetensors", "--stores", "stores", "--out", "out"]


def parsed(*extra):
    return tyro.cli(EvaluateConfig, args=[*NEEDED, *extra])


def test_the_defaults_are_the_protocol_of_the_paper():
    config = parsed()
    assert config.support_size == (64,)
    assert config.ensemble == (5,)
    assert config.bootstraps == 1000
    assert config.split == "test"
    assert (config.datasets, config.tasks, config.seed, config.precision) == ((), ("*",), 0, "float32")


def test_every_network_has_every_support_size_and_ensemble():
    config = parsed("--weights", "a", "b", "--support-size", "1", "8", "--ensemble", "2", "4")
    assert config.configurations == [
        Configuration(name, size, ensemble) for name in ("a", "b") for size in (1, 8) for ensemble in (2, 4)
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ensemble": (0,)}, "ensemble must be at least 1, got 0"),
        ({"support_size": (4, 0)}, "support_size must be at least 1, got 0"),
        ({"support_size": (2, 2)}, "support_size must be one or several different values"),
        ({"weights": ()}, "weights must be one or several different values"),
        ({"bootstraps": -1}, "bootstraps must be at least 0, got -1"),
    ],
)
def test_impossible_settings_are_refused(fields, words):
    given = {"weights": (Path("w"),), "stores": (Path("s"),), "out": Path("o"), **fields}
    with pytest.raises(ValueError, match=words):
        EvaluateConfig(**given)


def test_an_audit_needs_two_support_pairs_to_reorder():
    with pytest.raises(ValueError, match="support_size must be at least 2, got 1"):
        AuditConfig(weights=Path("w"), stores=(Path("s"),), support_size=1)
