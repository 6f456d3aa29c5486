"""The command universeg-audit: networks that behave, and networks that each break one promise."""

import json
from pathlib import Path

import pytest
import torch

from universeg.evaluation.audit import AuditConfig, main, observe
from universeg.evaluation.baselines import MeanMask


@pytest.fixture
def audit(stores_folder, capsys):
    """A function that audits `weights`; it returns the exit status and the text on the terminal."""

    def run(weights, *extra):
        given = ["-w", weights, "--stores", str(stores_folder), "--episodes", "5", "--support-size", "4"]
        try:
            main([*given, "--device", "cpu", *extra])
            status = 0
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        return status, " ".join((captured.err if status == 2 else captured.out).split())

    return run


class FirstPairMatters(MeanMask):
    """Mostly the first mask of the support set: its order matters."""

    def forward(self, target_image, support_images, support_labels):
        first, mean = support_labels[:, :1], support_labels.mean(1, keepdim=True)
        return super().forward(target_image, support_images[:, :1], 0.9 * first + 0.1 * mean)


class IgnoresSupport(MeanMask):
    """Marks what is bright, whatever the support set is."""

    def forward(self, target_image, support_images, support_labels):
        return (target_image - 0.3) * 100


class FailsOnBrightImages(MeanMask):
    """The mean mask if the image is dark on average, so not for inverted images."""

    def forward(self, target_image, support_images, support_labels):
        found = super().forward(target_image, support_images, support_labels)
        return torch.where(target_image.mean() < 0.5, found, -9.0)


class AlwaysEmpty(MeanMask):
    def forward(self, target_image, support_images, support_labels):
        return -torch.ones_like(target_image)


class WeightedByPosition(MeanMask):
    """The mean intensity of the support images, each weighted by its position in the support set."""

    def forward(self, target_image, support_images, support_labels):
        weights = torch.arange(1.0, support_images.shape[1] + 1).view(1, -1, 1, 1, 1)
        return (support_images * weights).mean((1, 3, 4))[..., None, None] - target_image


def verdicts(folder):
    checks = json.loads((folder / "audit.json").read_text())["checks"]
    return {check["name"]: check["holds"] for check in checks}


def test_the_mean_mask_passes_all_checks(audit, tmp_path):
    code, shown = audit("mean-mask", "-o", str(tmp_path))
    assert code == 0
    assert "does not hold" not in shown
    assert len(verdicts(tmp_path)) == 4
    queries = json.loads((tmp_path / "audit.json").read_text())["queries"]
    assert len(queries) == 5
    # The other task is another label of the same images.
    assert {(each["task"], each["other"]) for each in queries} == {
        ("Kept/g/m/a/0", "Kept/g/m/b/0"), ("Kept/g/m/b/0", "Kept/g/m/a/0")
    }  # fmt: skip
    assert all(each["labels_inverted"] > 95 for each in queries)


@pytest.mark.parametrize(
    ("network", "failing"),
    [
        (FirstPairMatters, {"support set reordered"}),
        (IgnoresSupport, {"support set of another task", "labels inverted", "images inverted"}),
        (FailsOnBrightImages, {"images inverted"}),
        (AlwaysEmpty, {"support set of another task", "labels inverted", "images inverted"}),
    ],
)
def test_a_network_fails_the_checks_that_it_breaks(audit, monkeypatch, tmp_path, network, failing):
    monkeypatch.setattr("universeg.evaluation.audit.segmenter", lambda path: network())
    code, shown = audit("network", "-o", str(tmp_path))
    assert code == 1
    assert "does not hold" in shown
    assert {name for name, holds in verdicts(tmp_path).items() if not holds} == failing


def test_the_draws_of_a_seed_do_not_change(stores_folder, monkeypatch):
    monkeypatch.setattr("universeg.evaluation.audit.segmenter", lambda path: WeightedByPosition())
    config = AuditConfig(weights=Path("w"), stores=(stores_folder,), episodes=2, support_size=4, device="cpu")
    assert [each.reordered for each in observe(config)] == pytest.approx([0.002601, 0.000738], abs=2e-6)


def test_limits_can_be_set(audit, monkeypatch):
    monkeypatch.setattr("universeg.evaluation.audit.segmenter", lambda path: FirstPairMatters())
    assert audit("network", "--same", "1")[0] == 0


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--datasets", "Foo"], "unknown dataset 'Foo'"),
        (["-w", "gone.safetensors"], "no such file"),
    ],
)
def test_mistakes_are_explained(audit, extra, words):
    code, shown = audit("mean-mask", *extra)
    assert code == 2
    assert words in shown


def test_a_single_task_cannot_be_audited(audit, tmp_path, make_store):
    make_store(tmp_path, "Kept", role="held-out", labels=("a",))
    code, shown = audit("mean-mask", "--stores", str(tmp_path))
    assert code == 2
    assert "only one task has a support split, Kept/g/m/a/0; give stores with another task" in shown
