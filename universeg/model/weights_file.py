"""Weights in files: ours are `.safetensors` with the network's shape in the header; the published `.pt` is read too."""

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
from universeg.model.network import ModelConfig, UniverSeg
from universeg.model.registry import DEFAULT, weights_path

FORMAT = "universeg-1"


def save_model(model: UniverSeg, path: Path, about: Mapping[str, str] | None = None) -> None:
    """Write the weights whole, with the network's shape and `about` (words on their origin) in the header."""
    header = {**(about or {}), "format": FORMAT, "model": json.dumps(asdict(model.config))}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic_write(path) as part:
        part.write_bytes(save(tensors, header))


def trained_size(path: str | Path) -> int | None:
    """Pixels a side of the images that weights of ours were trained on; None if the file does not say."""
    path = weights_path(path)
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as file:
        size = (file.metadata() or {}).get("size", "")
    return int(size) if size.isdecimal() else None


def load_model(path: str | Path = DEFAULT) -> UniverSeg:
    """The network in a `.safetensors` file of ours, or a published `.pt`; on the CPU, ready to predict.

    By default with the weights in the package, which have seen synthetic tasks alone.

    Raises ValueError, naming the file and what to do, where it cannot be read or holds another network.
    """
    path = weights_path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file; give a .safetensors that universeg-train wrote, or a published .pt")
    config, tensors = _safetensors(path) if path.suffix == ".safetensors" else _published(path)
    model = UniverSeg(config)
    _check(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    return model.eval()


def _safetensors(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a readable .safetensors file ({error}); copy or train it again") from error
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path}: expected the format {FORMAT} in its header, got {header.get('format')};"
            " use weights that this version's universeg-train wrote"
        )
    try:
        fields = json.loads(header["model"])
        return ModelConfig(**{**fields, "widths": tuple(fields["widths"])}), tensors
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: its header has no network of this version ({error!r}); train it again") from error


def _published(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    if not is_zipfile(path):
        raise ValueError(f"{path} is not a file of weights, or was cut short; download or copy it again")
    strange = get_unsafe_globals_in_checkpoint(str(path))
    found: Any = None if strange else torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        holds = ", ".join(strange) or ", ".join(map(str, found)) or "nothing"
        raise ValueError(
            f"{path} is not a file of weights alone, it holds {holds}; for a run of universeg-train give its"
            " best.safetensors or last.safetensors"
        )
    return ModelConfig(), found


def _check(path: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Refuse weights of another network, listing what differs."""
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
            "\n".join([f"{path} holds the weights of another network; give UniverSeg weights:", *lines[:8], *more])
        )
