"""Weights files: `.safetensors` with the network and its settings in the header; the published `.pt` is only read."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint

from universeg.base.atomic_write import atomic_write
from universeg.model.baselines import BASELINE_NETWORKS, BaselineConfig, BaselineNetwork
from universeg.model.network import ModelConfig, UniverSeg
from universeg.model.networks import Network
from universeg.model.registry import DEFAULT, weights_path

FORMAT = "universeg-1"


def save_model(model: Network, path: Path, about: Mapping[str, str] | None = None) -> None:
    """Write the weights atomically, with the network and `about` (where they come from) in the header."""
    header = {**(about or {}), "format": FORMAT, "model": json.dumps(asdict(model.config))}
    if isinstance(model, BaselineNetwork):
        header["network"] = model.name
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_write(path) as part:
        part.write_bytes(_in_order(save(tensors, header)))


def _in_order(data: bytes) -> bytes:
    """The bytes of a .safetensors file with a sorted header: `save` writes it in another order in each process."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return data[:8] + header.ljust(end - 8) + data[end:]


def trained_size(path: str | Path) -> int | None:
    """Pixels per side of the training images of a `.safetensors` file; None if the file does not say it.

    Raises ValueError if the file is no .safetensors file.
    """
    path = weights_path(path)
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, "pt") as file:
            size = (file.metadata() or {}).get("size", "")
    except SafetensorError as error:
        raise _unreadable(path, error) from error
    return int(size) if size.isdecimal() else None


def load_model(path: str | Path = DEFAULT) -> Network:
    """The network with some weights, on the CPU, in evaluation mode.

    `path` is a `.safetensors` file of this package, a published `.pt` file, or the name of weights. The default weights
    are in the package; they were trained on synthetic tasks only. Weights of a baseline network give that network,
    which is called in the same way. Raises ValueError if the file cannot be read or has the weights of another
    architecture; the message has the file and what to do.
    """
    path = weights_path(path)
    model, tensors = _safetensors(path) if path.suffix == ".safetensors" else _published(path)
    _check(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    return model.eval()


def _safetensors(path: Path) -> tuple[Network, dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    except SafetensorError as error:
        raise _unreadable(path, error) from error
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path}: expected the format {FORMAT} in its header, got {header.get('format')};"
            " use weights that this version of universeg-train wrote"
        )
    try:
        fields = json.loads(header["model"])
        if "network" in header:
            return BASELINE_NETWORKS[header["network"]](BaselineConfig(**fields)), tensors
        return UniverSeg(ModelConfig(**{**fields, "widths": tuple(fields["widths"])})), tensors
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: its header has no network of this version ({error!r}); train again") from error


def _unreadable(path: Path, error: SafetensorError) -> ValueError:
    return ValueError(f"{path} is not a readable .safetensors file ({error}); copy or train it again")


def _published(path: Path) -> tuple[Network, dict[str, Tensor]]:
    if not is_zipfile(path):
        raise ValueError(f"{path} is not a weights file, or it is incomplete; download or copy it again")
    strange = get_unsafe_globals_in_checkpoint(str(path))
    found: Any = None if strange else torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        holds = ", ".join(strange) or ", ".join(map(str, found)) or "nothing"
        raise ValueError(
            f"{path} is not a weights file, it contains {holds}; of a run of universeg-train, use best.safetensors or"
            " last.safetensors"
        )
    return UniverSeg(), found


def _check(path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raises ValueError with a list of differences if the weights are those of another architecture."""
    lines = [f"  {name}: is missing" for name in sorted(expected.keys() - found.keys())]
    lines += [f"  {name}: is not part of the network" for name in sorted(found.keys() - expected.keys())]
    lines += [
        f"  {name}: expected {tuple(expected[name].shape)}, got {tuple(found[name].shape)}"
        for name in sorted(expected.keys() & found.keys())
        if expected[name].shape != found[name].shape
    ]
    if lines:
        more = [f"  and {len(lines) - 8} more"] if len(lines) > 8 else []
        raise ValueError(
            "\n".join(
                [f"{path} has the weights of another architecture; use weights of this network:", *lines[:8], *more]
            )
        )
