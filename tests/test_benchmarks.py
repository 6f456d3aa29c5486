"""The script that measures a GPU runs small on a CPU: this is its rehearsal."""

import pytest

from benchmarks import gpu, gpu_work
from benchmarks.gpu import Report, Sizes, check_agreement, main
from benchmarks.gpu_work import Case, Device
from universeg.model import ModelConfig, UniverSeg

TINY = Sizes(Device("cpu", ModelConfig((4, 4))), tiny=True)


@pytest.mark.slow
def test_everything_is_measured_small(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "GROWTH", {"support": (1, 2), "batch": (1, 2)})
    assert main(tmp_path, tiny=True, processes=(1,)) == 0
    report = (tmp_path / "report.md").read_text()
    rows = [line for line in report.splitlines() if line.startswith("|")]
    assert sum("inference" in row for row in rows) == 4
    for words in ("synthetic tasks a second", "queries learnt a second", "waits for data", "ms per step"):
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
