"""The steps that experiments are made of. Each writes one file, and is not done again while the file is there.

    network/NAME        OUT/networks/NAME/trained.safetensors   a network whose training has ended
    scores/NAME         OUT/scores/NAME.json                    Dice of every query, at its own N, K = 1 and 10
    limited/NAME        OUT/limited/NAME.json                   table 8
    ensembles/NAME-N    OUT/ensembles/NAME-N.json               one row of table 9
    heat/NAME-N         OUT/heat/NAME-N.json                    one cell of figure 13, for all datasets

OUT is the folder of the experiments, and NAME that of a network.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from universeg.base.atomic_write import atomic_write, write_json
from universeg.base.console import say
from universeg.base.lookup import choose
from universeg.evaluation.baselines.own_method import OwnMethod, is_method
from universeg.evaluation.scorer import weights_digest
from universeg.experiments import repetitions, scores
from universeg.experiments.catalogue import MAIN, SIZES, Experiment
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.networks import NetworkSpec, networks
from universeg.experiments.scale import Scale
from universeg.model.registry import registry

TRAINED = "trained.safetensors"  # a copy of the best weights, or of the last ones if there was no validation

MAKERS: Mapping[str, Callable[[ExperimentConfig, str, Path, int], dict[str, Any]]] = {
    "scores": lambda config, name, weights, size: scores.score_network(config, name, weights),
    "limited": lambda config, name, weights, size: repetitions.limited(config, name, weights),
    "ensembles": repetitions.ensembles,
    "heat": repetitions.heat,
}


def steps_of(found: Experiment, scale: Scale) -> list[str]:
    """The names of the steps of an experiment, without the training of networks."""
    if found.kind == "grid" or found.best_of:
        return [f"scores/{name}" for name in networks_of(found, scale)]
    if found.kind == "limited":
        return [f"limited/{MAIN}"]
    if found.kind == "ensembles":
        return [f"ensembles/{MAIN}-{size}" for size in scale.support_sizes]
    if found.kind == "heat":
        return [f"heat/{name}-{size}" for name in networks_of(found, scale) for size in scale.support_sizes]
    return []


def networks_of(found: Experiment, scale: Scale) -> list[str]:
    """The networks that an experiment needs; of those with the support sizes, only the ones that the scale has."""
    small = {name for size, name in SIZES.items() if size not in scale.support_sizes and name != MAIN}
    if max(scale.support_sizes) in SIZES:  # the main network takes the place of this one
        small |= {SIZES[max(scale.support_sizes)]} - {MAIN}
    return [name for name in found.networks if name not in small]


def step_file(config: ExperimentConfig, step: str) -> Path:
    """The file that a step writes; raises ValueError if there is no such step."""
    kind, _, name = step.partition("/")
    if kind == "network":
        choose(networks(), name, "network")
        return config.out / "networks" / name / TRAINED
    choose(MAKERS, kind, "kind of step")
    choose(networks(), _network_and_size(step)[0], "network")
    return config.out / kind / f"{name}.json"


def check_protocol(config: ExperimentConfig) -> None:
    """Write what the numbers in the folder depend on. Raises ValueError if it holds numbers of another protocol."""
    path, now = config.out / "protocol.json", config.protocol
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else now
    if before != now and any(config.out.glob("*/*")):
        different = ", ".join(
            f"{name}: was {before.get(name)}, is {now[name]}" for name in now if before.get(name) != now[name]
        )
        raise ValueError(
            f"{config.out} holds experiments with other settings ({different}; queries is a digest of the tasks and"
            " subjects to evaluate on); give another --out, or the same settings"
        )
    write_json(path, now)


def do_step(config: ExperimentConfig, step: str) -> None:
    """Do a step if its file is missing or was made with other weights.

    Raises ValueError if its network is missing and may not be trained.
    """
    path = step_file(config, step)
    kind = step.partition("/")[0]
    name, size = _network_and_size(step)
    if kind == "network":
        if not path.exists():
            _train(config, networks()[name])
    elif not path.exists() or _other_weights(config, name, path):
        weights = weights_of(config, name)
        content = MAKERS[kind](config, name, weights, size)
        write_json(path, {**content, "weights": str(weights), "weights_sha256": _digest(weights)})


def _other_weights(config: ExperimentConfig, name: str, path: Path) -> bool:
    """Whether the network has other weights now than when this file was made; says so if it has."""
    given, trained = config.given_weights(), step_file(config, f"network/{name}")
    if name not in given and not trained.exists():
        return False  # a network can be deleted after its steps are done
    before = json.loads(path.read_text(encoding="utf-8")).get("weights_sha256")
    if before == _digest(Path(given.get(name, trained))):
        return False
    say(Console(stderr=True, quiet=config.quiet), f"{path} was made with other weights of {name}; it is made again")
    return True


def _digest(weights: Path) -> str:
    """The SHA-256 of weights; what takes its place for baselines and a person's own method."""
    return OwnMethod(str(weights)).digest if is_method(str(weights)) else weights_digest(weights)


def weights_of(config: ExperimentConfig, name: str) -> Path:
    """The weights of a network: given, trained before, or trained now if the config says so."""
    given = config.given_weights()
    if name in given:
        return Path(given[name])
    path = config.out / "networks" / name / TRAINED
    if not path.exists():
        if not config.train:
            raise ValueError(
                f"there is no network {name} ({path} is missing): give its weights, --weights {name}=FILE, or train it"
                f" with --train; names of weights are {_known_weights()}"
            )
        _train(config, networks()[name])
    return path


def check_networks(config: ExperimentConfig, found: Experiment) -> None:
    """Raise ValueError, with all their names, if networks are missing that steps need and that may not be trained."""
    needed = {network_of(step) for step in steps_of(found, config.numbers) if not step_file(config, step).exists()}
    present = {name for name in needed if step_file(config, f"network/{name}").exists()} | set(config.given_weights())
    if (missing := sorted(needed - present)) and not config.train:
        raise ValueError(
            f"{found.name} needs networks that are missing in {config.out / 'networks'}: {', '.join(missing)}; give"
            f" weights of them, --weights NETWORK=FILE, or train them, --train; names of weights are {_known_weights()}"
        )


def network_of(step: str) -> str:
    """The network that a step needs."""
    return _network_and_size(step)[0]


def _known_weights() -> str:
    return ", ".join(registry())


def _network_and_size(step: str) -> tuple[str, int]:
    kind, _, name = step.partition("/")
    if kind not in ("ensembles", "heat"):
        return name, 0
    network, _, size = name.rpartition("-")
    if not size.isdecimal():
        raise ValueError(f"the step {step} needs a support size at its end, for example {kind}/{MAIN}-8")
    return network, int(size)


def _train(config: ExperimentConfig, spec: NetworkSpec) -> None:
    """Train a network in a process of its own, so that the memory of one run is free before the next."""
    folder = config.out / "networks" / spec.name
    words = spec.training_words(config.numbers, config.stores, folder, config.device)
    words += ["--quiet"] if config.quiet else []
    status = subprocess.run([sys.executable, "-m", "universeg", "train", *words], check=False).returncode
    if status:
        command = f"universeg train {' '.join(words)}"
        raise ValueError(f"training the network {spec.name} ended with status {status}: {command}")
    found = next(path for name in ("best", "last") if (path := folder / f"{name}.safetensors").exists())
    with atomic_write(folder / TRAINED) as part:
        shutil.copyfile(found, part)
