"""The training loop: what it learns from, when it stops, and what it writes."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import rows
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from universeg.episodes.episode import Batch, LoadedEpisode
from universeg.model import load_model
from universeg.training.augment import AugmentConfig
from universeg.training.checkpoint import checkpoints
from universeg.training.loader import StepLoader
from universeg.training.lr_schedule import TimeLimit
from universeg.training.trainer import Trainer, TrainingError, train


def test_it_learns_and_writes_weights_checkpoints_and_logs(config):
    config = replace(config, steps=40, batch_size=2, validate_every=20, checkpoint_every=15)
    assert train(config) == 0
    losses = [loss for _, loss in rows(config, "loss")]
    assert len(losses) == 40
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])
    dev = rows(config, "dev_dice")
    assert [step for step, _ in dev] == [20, 40]
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000030", "step-00000040"]
    assert load_model(config.out / "best.safetensors").config == config.model
    last = load_model(config.out / "last.safetensors").state_dict()
    content = torch.load(checkpoints(config.out)[-1], weights_only=True)
    assert content["best"] == max(dice for _, dice in dev)
    assert all(torch.equal(last[name], tensor) for name, tensor in content["model"].items())


@pytest.mark.slow
def test_tensorboard_has_losses_dice_and_pictures(config):
    train(replace(config, steps=7))
    events = EventAccumulator(str(config.out / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    assert {event.step for event in events.Images("training episode")} == {1, 5}
    assert {event.step for event in events.Images("dev episode")} == {5, 7}
    assert {"loss", "loss of dataset/One", "loss of dataset/Two", "dev Dice"} <= set(events.Tags()["scalars"])


def test_the_time_limit_ends_the_run_with_a_validation_and_a_checkpoint(config):
    train(replace(config, steps=100_000, minutes=1e-4))
    (path,) = checkpoints(config.out)
    assert int(path.stem[5:]) == rows(config, "loss")[-1][0] == rows(config, "dev_dice")[-1][0]


@pytest.mark.slow
def test_a_run_goes_on_from_before_its_rate_fell(config, monkeypatch):
    """The rate of steps 1 to 3 is full, then it falls; the next call begins after step 3, at the full rate."""
    shares, rates = iter([1, 1, 1, 0.6, 0.2, 0, 1, 1]), []
    monkeypatch.setattr(TimeLimit, "share_of_rate", lambda limit: next(shares))
    update = Trainer._update_weights

    def update_and_note(trainer, step):
        update(trainer, step)
        rates.append((step, trainer.state.optimiser.param_groups[0]["lr"]))

    monkeypatch.setattr(Trainer, "_update_weights", update_and_note)
    config = replace(config, learning_rate=0.5, minutes=60, cooldown=0.3, checkpoint_every=2, validate_every=100)
    train(replace(config, steps=6))
    assert rates == [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.3), (5, 0.1), (6, 0)]
    assert [path.stem for path in checkpoints(config.out)] == ["step-00000002", "step-00000003"]
    fallen = load_model(config.out / "last.safetensors").state_dict()
    before = torch.load(checkpoints(config.out)[-1], weights_only=True)["model"]
    assert not all(torch.equal(fallen[name], tensor) for name, tensor in before.items()), (
        "the weights are the last ones"
    )
    train(replace(config, steps=5))
    assert rates[6:] == [(4, 0.5), (5, 0.5)]
    assert int(checkpoints(config.out)[-1].stem[5:]) == 5


def test_the_next_episodes_load_while_the_network_learns(config, monkeypatch):
    loaded = {step: threading.Event() for step in range(1, 5)}
    load, learn = StepLoader.__call__, Trainer.learn

    def load_slowly(loader, step, support_size=0):
        time.sleep(0.05)
        loaded[step].set()
        return load(loader, step, support_size)

    def learn_slowly(trainer, episodes):
        following = loaded.get(trainer.state.step + 2)
        assert following is None or following.wait(60), "nothing is loaded during this step"
        return learn(trainer, episodes)

    monkeypatch.setattr(StepLoader, "__call__", load_slowly)
    monkeypatch.setattr(Trainer, "learn", learn_slowly)
    train(replace(config, steps=4))
    assert rows(config, "waited")[0][1] >= 0.05, "the log has the time in which the first step waited for data"


def test_the_averaged_weights_are_validated_and_saved(config):
    config = replace(config, ema=0.8, steps=4)
    train(config)
    content = torch.load(checkpoints(config.out)[-1], weights_only=True)
    last = load_model(config.out / "last.safetensors").state_dict()
    assert all(torch.equal(content["average"][f"module.{name}"], tensor) for name, tensor in last.items())
    assert not torch.equal(content["model"]["out_conv.conv.weight"], last["out_conv.conv.weight"])
    trainer = Trainer(config)
    assert trainer.state.network is trainer.state.average.module


def test_gradients_are_clipped_and_rates_follow_the_schedule(config):
    trainer = Trainer(replace(config, clip=1e-3, warmup=10, schedule="cosine"))
    before = [weights.clone() for weights in trainer.state.model.parameters()]
    seen = []

    def record(optimiser, args, kwargs):
        gradients = [p.grad for p in trainer.state.model.parameters() if p.grad is not None]
        norm = sum(gradient.square().sum() for gradient in gradients).sqrt().item()
        seen.append((optimiser.param_groups[0]["lr"], norm))

    trainer.state.optimiser.register_step_pre_hook(record)
    trainer.learn(trainer.load(1))
    ((rate, norm),) = seen
    assert rate == pytest.approx(config.learning_rate / 10)
    assert norm == pytest.approx(1e-3, rel=1e-3)
    assert any(not torch.equal(old, new) for old, new in zip(before, trainer.state.model.parameters(), strict=True))


def test_the_network_learns_from_augmented_episodes(config):
    config = replace(config, batch_size=3)
    augmented = replace(config, augment=AugmentConfig())
    plain, changed = Trainer(config), Trainer(augmented)
    episodes = plain.load(1)
    losses = [trainer.learn(episodes) for trainer in (plain, changed)]
    assert all(before != after for before, after in zip(*losses, strict=True))
    alone = list[float]()
    for item in range(3):
        part = Trainer(augmented)
        part.items = range(item, item + 1)
        alone += [loss for _, loss in part.learn(episodes[item : item + 1])]
    together = [loss for _, loss in losses[1]]
    assert alone == pytest.approx(together, rel=1e-5), "an augmentation depends on the batch"


def test_cross_entropy_is_added_to_the_loss(config):
    plain, more = (Trainer(replace(config, cross_entropy=weight)).learn for weight in (0, 1))
    episodes = Trainer(config).load(1)
    assert more(episodes)[0][1] > plain(episodes)[0][1] + 0.05


def test_each_image_can_be_the_query_once(config):
    """Two queries of an episode are two episodes with query and support exchanged; their mean loss is minimised."""
    config = replace(config, stores=(), synthetic=("nested",), size=16, support_size=1, queries_per_episode=2)
    both, one = Trainer(config), Trainer(replace(config, queries_per_episode=1))
    (episode,) = both.load(1)
    images, masks = (pixels[:, ::-1] for pixels in (episode.pixels.images, episode.pixels.masks))
    exchanged = LoadedEpisode(episode.task, "1", Batch(images.copy(), masks.copy()))
    before = {name: tensor.clone() for name, tensor in one.state.model.state_dict().items()}
    ((_, mean),) = both.learn([episode])
    ((_, first),) = one.learn([episode])
    one.state.model.load_state_dict(before)
    ((_, second),) = one.learn([exchanged])
    assert mean == pytest.approx((first + second) / 2)
    assert abs(first - second) > 1e-3
    limited = Trainer(replace(config, queries_per_episode=5)).learn([episode])
    assert limited[0][1] == pytest.approx(mean), "there are not more queries than images"


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_task(config):
    trainer = Trainer(config)
    trainer.state.model.out_conv.conv.weight.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"step 1: the loss is not finite, \[nan\], for the tasks \w+/g/m/\w/0; "):
        trainer.run()
    assert checkpoints(config.out) == []


def test_a_gradient_that_is_not_finite_does_not_change_the_weights(config):
    trainer = Trainer(config)
    trainer.learn(trainer.load(1))
    before = [weights.clone() for weights in trainer.state.model.parameters()]
    trainer.state.model.out_conv.conv.weight.register_hook(lambda gradient: gradient * float("inf"))
    message = r"step 2: the norm of the gradients is not finite, \[\w+\], for the tasks \w"
    with pytest.raises(TrainingError, match=message):
        trainer.learn(trainer.load(2))
    assert all(torch.equal(old, new) for old, new in zip(before, trainer.state.model.parameters(), strict=True))


def test_without_a_dev_split_there_are_no_best_weights(tmp_path, make_store, config, capsys):
    make_store(tmp_path, "NoDev", splits=["support"] * 3)
    train(replace(config, stores=(tmp_path / "NoDev.lmdb",), steps=2, quiet=False))
    assert "no validation and no best.safetensors" in capsys.readouterr().err
    assert (config.out / "last.safetensors").exists()
    assert not (config.out / "best.safetensors").exists()


def test_bfloat16_computes_almost_the_same_with_float32_weights(config):
    episodes = Trainer(config).load(1)
    exact, rounded = Trainer(config), Trainer(replace(config, precision="bfloat16"))
    ((_, loss),), ((_, rounded_loss),) = exact.learn(episodes), rounded.learn(episodes)
    assert rounded_loss != loss
    assert rounded_loss == pytest.approx(loss, abs=0.01)
    assert rounded.about["computed_in"] == "bfloat16"
    assert {tensor.dtype for tensor in rounded.state.model.state_dict().values()} == {torch.float32}
    moments = [value for state in rounded.state.optimiser.state.values() for value in state.values()]
    assert {moment.dtype for moment in moments} == {torch.float32}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_it_trains_on_a_gpu(config):
    train(replace(config, device="cuda", precision="auto"))
    assert len(rows(config, "loss")) == 12
