"""Settings that are refused."""

from dataclasses import replace

import pytest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"queries_per_episode": 0}, "queries_per_episode must be at least 1, got 0"),
        ({"keep_checkpoints": 0}, "keep_checkpoints must be at least 1, got 0"),
        ({"learning_rate": -1.0}, "learning_rate must be at least 0, got -1.0"),
        ({"clip": float("nan")}, "clip must be at least 0, got nan"),
        ({"least_support_size": 4}, r"least_support_size must be at most support_size \(3\), got 4"),
        ({"queries_per_episode": 2}, "queries_per_episode must be 1 with --stores, got 2"),
        ({"tasks_per_scene": 2}, "tasks_per_scene, tasks_at_once and small_steps are for synthetic tasks alone"),
        ({"tasks_at_once": 2, "batch_size": 2}, "tasks_at_once and small_steps are for synthetic tasks alone"),
        ({"tasks_at_once": 0}, "tasks_at_once must be at least 1, got 0"),
        ({"stores": (), "tasks_at_once": 2}, r"batch_size must be a multiple of tasks_at_once \(2\), got 1"),
        ({"small_steps": 2}, "tasks_per_scene, tasks_at_once and small_steps are for synthetic tasks alone"),
        ({"cooldown": 0.3}, r"cooldown is a part of --minutes.*got 0.3 of 0 minutes"),
        ({"cooldown": 1.5, "minutes": 1}, "cooldown is a part of --minutes, from 0 to 1"),
        ({"cooldown": 0.3, "minutes": 1, "schedule": "cosine"}, "of a constant schedule; got .* cosine"),
        ({"ema": 1.0}, "ema must be at least 0 and below 1, .* got 1.0 and 0.5"),
        ({"synthetic_share": 1.5}, "synthetic_share from 0 to 1, got 0.0 and 1.5"),
    ],
)
def test_wrong_values_raise(config, fields, message):
    with pytest.raises(ValueError, match=message):
        replace(config, **fields)


def test_several_queries_per_episode_are_allowed_for_synthetic_tasks(config):
    assert replace(config, stores=(), synthetic=("nested",), queries_per_episode=2).queries_per_episode == 2
