import json

import pytest
import torch

from universeg.evaluation.audit import main
from universeg.evaluation.baselines import MeanMask


@pytest.fixture
def audit(stores_folder, capsys):
    """Runs the command on `weights`; gives the exit status and what was shown."""

    def run(weights, *extra):
        given = ["-w", weights, "--stores", str(stores_folder), "--episodes", "5", "--support-size", "4"]
        with pytest.raises(SystemExit) as stop:
            main([*given, "--device", "cpu", *extra])
        return stop.value.code, " ".join(capsys.readouterr()[0 if stop.value.code < 2 else 1].split())

    return run


class OrderMatters(MeanMask):
    """Mostly the first of the support."""

    def forward(self, query, images, masks):
        return super().forward(query, images[:, :1], 0.9 * masks[:, :1] + 0.1 * masks.mean(1, keepdim=True))


class Deaf(MeanMask):
    """Marks what is bright, whatever it is shown."""

    def forward(self, query, images, masks):
        return (query - 0.3) * 100


class LabelsOnly(MeanMask):
    """The mean mask where the image is bright: stops at inverted images."""

    def forward(self, query, images, masks):
        return torch.where(query.mean() < 0.5, super().forward(query, images, masks), -9.0)


class Silent(MeanMask):
    def forward(self, query, images, masks):
        return -torch.ones_like(query)


def verdicts(folder):
    checks = json.loads((folder / "audit.json").read_text())["checks"]
    return {check["name"]: check["holds"] for check in checks}


def test_what_behaves_passes(audit, tmp_path):
    code, shown = audit("mean-mask", "-o", str(tmp_path))
    assert code == 0
    assert "does not hold" not in shown
    assert len(verdicts(tmp_path)) == 4
    queries = json.loads((tmp_path / "audit.json").read_text())["queries"]
    assert len(queries) == 5
    # Another label of the same images is shown where there is one.
    assert {(each["task"], each["other"]) for each in queries} == {
        ("Kept/g/m/a/0", "Kept/g/m/b/0"), ("Kept/g/m/b/0", "Kept/g/m/a/0")
    }  # fmt: skip
    assert all(each["labels_inverted"] > 95 for each in queries)


@pytest.mark.parametrize(
    ("network", "failing"),
    [
        (OrderMatters, {"support reordered"}),
        (Deaf, {"support of another task", "labels inverted", "images inverted"}),
        (LabelsOnly, {"images inverted"}),
        (Silent, {"support of another task", "labels inverted", "images inverted"}),
    ],
)
def test_what_misbehaves_fails_for_the_right_reason(audit, monkeypatch, tmp_path, network, failing):
    monkeypatch.setattr("universeg.evaluation.audit.segmenter", lambda path: network())
    code, shown = audit("network", "-o", str(tmp_path))
    assert code == 1
    assert "does not hold" in shown
    assert {name for name, holds in verdicts(tmp_path).items() if not holds} == failing


def test_limits_can_be_set(audit, monkeypatch):
    monkeypatch.setattr("universeg.evaluation.audit.segmenter", lambda path: OrderMatters())
    assert audit("network", "--same", "1")[0] == 0


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--datasets", "Foo"], "unknown dataset 'Foo'"),
        (["-w", "gone.safetensors"], "no such file"),
    ],
)
def test_what_cannot_be_audited_is_said(audit, extra, words):
    code, shown = audit("mean-mask", *extra)
    assert code == 2
    assert words in shown


def test_a_lone_task_has_no_other_to_be_shown(audit, tmp_path, make_store):
    make_store(tmp_path, "Kept", role="held-out", labels=("a",))
    code, shown = audit("mean-mask", "--stores", str(tmp_path))
    assert code == 2
    assert "only Kept/g/m/a/0 has a support; give stores that have another task" in shown
