"""Checkpoints: what they restore, and which ones are refused."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim import Adam

from universeg.base.rng import rng_for
from universeg.model import ModelConfig, UniverSeg
from universeg.training.checkpoint import State, checkpoints, header, resume, save
from universeg.training.config import TrainConfig
from universeg.training.ema import averaged_model

CONFIG = TrainConfig(stores=(Path("a"),), out=Path("x"), model=ModelConfig((2, 2)))


def about(config=CONFIG, data="d"):
    return header(config, torch.float32, data=data)


def state(seed=0):
    model = UniverSeg(CONFIG.model, seed)
    return State(model, Adam(model.parameters(), 0.01), averaged_model(model, 0.9))


def learn(state):
    generator = torch.Generator().manual_seed(state.step)
    query, support = torch.rand(1, 1, 4, 4, generator=generator), torch.rand(1, 2, 1, 4, 4, generator=generator)
    state.optimiser.zero_grad()
    loss = state.model(query, support, support).square().sum()
    loss.backward()
    state.optimiser.step()
    state.average.update_parameters(state.model)
    state.step += 1
    return loss.item()


def test_a_resumed_run_equals_one_that_was_not_stopped(tmp_path):
    config = about(replace(CONFIG, out=tmp_path))
    whole = state()
    for _ in range(3):
        learn(whole)
    whole.best, whole.validated = 12.5, 2
    path = save(whole, config)
    assert path == tmp_path / "checkpoints" / "step-00000003.pt"
    again = state(seed=1)
    assert resume(again, config) == path
    assert (again.step, again.validated, again.best) == (3, 2, 12.5)
    assert [learn(again) for _ in range(3)] == [learn(whole) for _ in range(3)]
    pairs = zip(again.network.parameters(), whole.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert again.network is not again.model


def test_only_the_last_checkpoints_are_kept(tmp_path):
    config = about(replace(CONFIG, out=tmp_path, keep_checkpoints=2))
    one = state()
    for one.step in (5, 100_000_000, 20):
        save(one, config)
    assert [int(path.stem[5:]) for path in checkpoints(tmp_path)] == [20, 100_000_000]
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {p.name for p in checkpoints(tmp_path)}


def test_a_new_run_has_no_checkpoint_to_resume(tmp_path):
    assert resume(state(), about(replace(CONFIG, out=tmp_path))) is None


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (about(replace(CONFIG, seed=4)), "seed: was 0, is 4"),
        (about(replace(CONFIG, model=ModelConfig((2, 3)))), r"model: was .*\(2, 2\)"),
        (about(replace(CONFIG, precision="float32")), "precision: was auto, is float32"),
        (about(data="e"), "data: was d, is e"),
        (about(replace(CONFIG, ema=0.5)), "ema: was 0.0, is 0.5"),
        (about(replace(CONFIG, batch_size=2)), "batch_size: was 1, is 2"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_the_differences(tmp_path, now, words):
    save(state(), about(replace(CONFIG, out=tmp_path)))
    with pytest.raises(ValueError, match=f"(?s)another run.*another --out.*{words}"):
        resume(state(), {**now, "out": str(tmp_path)})


def test_settings_that_do_not_change_the_result_may_differ(tmp_path):
    config = replace(CONFIG, out=tmp_path)
    save(state(), about(config))
    moved = replace(config, stores=(Path("elsewhere"),), steps=7, minutes=3, quiet=True, keep_checkpoints=9)
    assert resume(state(), about(moved))


def test_a_run_may_move_to_a_device_that_computes_in_another_precision(tmp_path):
    config = replace(CONFIG, out=tmp_path)
    save(state(), header(config, torch.float32))
    assert resume(state(), header(config, torch.bfloat16))


def test_a_setting_that_is_newer_than_the_checkpoint_had_its_default(tmp_path):
    now = about(replace(CONFIG, out=tmp_path))
    save(state(), {name: value for name, value in now.items() if name != "clip"})
    assert resume(state(), now)
    with pytest.raises(ValueError, match=r"clip: was 0\.0, is 2\.0"):
        resume(state(), {**now, "clip": 2.0})


def test_with_a_falling_rate_the_number_of_steps_may_not_change(tmp_path):
    config = replace(CONFIG, out=tmp_path, schedule="cosine")
    save(state(), about(config))
    with pytest.raises(ValueError, match="steps: was 100000, is 7"):
        resume(state(), about(replace(config, steps=7)))


def test_another_checkpoint_format_is_refused(tmp_path):
    config = about(replace(CONFIG, out=tmp_path))
    path = save(state(), config)
    content = io.BytesIO()
    torch.save({**torch.load(path, weights_only=True), "format": 0}, content)
    path.write_bytes(content.getvalue() + hashlib.sha256(content.getvalue()).hexdigest().encode())
    with pytest.raises(ValueError, match="has format 0, this version reads 3; give another --out"):
        resume(state(), config)


def test_a_damaged_checkpoint_is_named_and_the_previous_one_can_be_used(tmp_path):
    config, one = about(replace(CONFIG, out=tmp_path)), state()
    for one.step in (1, 2):
        save(one, config)
    before, last = checkpoints(tmp_path)
    last.write_bytes(last.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"step-00000002\.pt is damaged or incomplete; delete it to continue"):
        resume(state(), config)
    last.unlink()
    assert resume(state(), config) == before


def test_the_same_state_gives_the_same_bytes(tmp_path):
    config = about(replace(CONFIG, out=tmp_path))
    first = save(state(), config).read_bytes()
    assert save(state(), config).read_bytes() == first


def test_a_flipped_bit_is_found(tmp_path):
    """torch does not check its own checksums: a flipped bit of a weight would be trained on."""
    config = about(replace(CONFIG, out=tmp_path))
    path = save(state(), config)
    good = path.read_bytes()
    for at in rng_for("flips").integers(0, 8 * len(good), 100).tolist():
        flipped = bytearray(good)
        flipped[at // 8] ^= 1 << at % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="is damaged or incomplete"):
            resume(state(), config)
