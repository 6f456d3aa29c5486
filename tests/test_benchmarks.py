"""Scripts that take long run small: the one that measures a GPU, on a CPU, and those that measure what helps a user."""

import json

import pytest

from benchmarks import adapting, gpu, gpu_work, simulated_user
from benchmarks.gpu import Report, Sizes, check_agreement, main
from benchmarks.gpu_work import Case, Device
from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.store import Record, pack, write_store
from universeg.synth import make_task

TINY = Sizes(Device("cpu", ModelConfig((4, 4))), tiny=True)


@pytest.mark.weekly
def test_everything_is_measured_small(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "GROWTH", {"support": (1, 2), "batch": (1, 2)})
    assert main(tmp_path, tiny=True, processes=(1,)) == 0
    report = (tmp_path / "report.md").read_text()
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert sum("inference" in row for row in rows) == 4
    for words in (
        "augmentation of Table 4",
        "synthetic tasks a second",
        "T = 2 at once",
        "queries learnt a second",
        "waits for data",
        "ms per step",
    ):
        assert any(words in row for row in rows), words
    assert "DIFFERENT" not in report
    assert "Self CPU" in (tmp_path / "profile.txt").read_text()
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_result_is_found(tmp_path, monkeypatch):
    compute = UniverSeg.forward
    monkeypatch.setattr(UniverSeg, "forward", lambda self, *inputs: 1.01 * compute(self, *inputs))
    wrong = check_agreement(TINY, Report(tmp_path / "report.md"))
    assert len(wrong) == 2
    assert "DIFFERENT RESULTS: training B=2 N=3" in (tmp_path / "report.md").read_text()


def test_every_row_of_the_goals_is_measured_in_every_precision():
    cases = Sizes(Device("cuda", ModelConfig()), tiny=False).cases()
    assert len(cases) == len(set(cases)) == 3 * 7 + 1
    assert {case.precision for case in cases} == {"bf16", "tf32", "fp32"}
    assert Case("training", 64, 16, "bf16") in cases


def test_settings_are_as_before_after_a_measurement():
    before = gpu_work.on_gpu.settings.fused, gpu_work.on_gpu.settings.graphs
    with gpu_work.fast(False):
        assert not gpu_work.on_gpu.settings.fused
    assert (gpu_work.on_gpu.settings.fused, gpu_work.on_gpu.settings.graphs) == before == (True, True)


@pytest.fixture
def user(tmp_path):
    """A store of one synthetic task with 8 examples and 8 dev images, and the weights of a small network."""
    task = make_task(seed=0, task=0, subjects=16, size=64)
    names = [f"subject{number:02d}" for number in range(16)]
    label, masks = next(iter(task.labels.items()))
    records = [Record("mid", "g", "m", 0, name, task.images[n], {label: masks[n]}) for n, name in enumerate(names)]
    splits = {name: "support" if number < 8 else "dev" for number, name in enumerate(names)}
    header = {"dataset": "Shapes", "size": 64, "role": "held-out", "splits": splits}
    write_store(tmp_path / "Shapes.lmdb", header, sorted(map(pack, records)))
    save_model(UniverSeg(ModelConfig((4, 4))), tmp_path / "w.safetensors")
    return tmp_path


@pytest.mark.weekly
def test_adapting_is_compared_with_a_network_trained_on_the_same_examples(user, capsys):
    def run():
        how = {"examples": (4, 40), "queries": 2, "minutes": 0.01, "weights": user / "w.safetensors"}
        adapting.main(user, user / "out", **how)
        return capsys.readouterr().out

    first = run()
    rows = json.loads((user / "out" / "rows.json").read_text())
    assert sorted(row["examples"] for row in rows.values()) == [4, 4, 8, 8]
    assert all({"before", "after"} <= row.keys() or "u-net" in row for row in rows.values())
    assert first.count("\n| Shapes/") == 2
    assert run().splitlines() == [line for line in first.splitlines() if line.startswith("| ")], "nothing again"


@pytest.mark.weekly
def test_a_simulated_user_corrects_until_the_folder_is_good(user, capsys):
    out = user / "out"
    how = {"images": 8, "most": 5, "orders": ("random",), "weights": user / "w.safetensors"}
    simulated_user.main(user, out, **how)
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    worst, chance = (json.loads((folder / f"{order}.json").read_text()) for order in ("worst first", "random"))
    for rows in (worst, chance):
        assert list(rows["steps"]) == ["3", "4", "5"]
        for step, row in rows["steps"].items():
            assert len(row["corrected"]) == int(step)
            assert row["folder"] == pytest.approx((100 * int(step) + (8 - int(step)) * row["others"]) / 8)
    assert worst["steps"]["4"]["corrected"][:3] == worst["steps"]["3"]["corrected"]
    assert worst["steps"]["3"] == chance["steps"]["3"]
    assert "| by hand | 7 | 8 |" in capsys.readouterr().out
    assert (out / "simulated_user.png").read_bytes().startswith(b"\x89PNG")
