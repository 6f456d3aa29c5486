"""A person's own few-shot method, given as `module:callable`, in place of a network."""

import hashlib
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

from torch import Tensor, nn

Segment = Callable[[Tensor, Tensor, Tensor], Tensor]


def is_method(name: str) -> bool:
    """Whether a name is that of a method, `module:callable`, and not of a file or of weights."""
    module, colon, function = name.partition(":")
    return bool(colon) and function.isidentifier() and all(part.isidentifier() for part in module.split("."))


class OwnMethod(nn.Module):
    """A method by its name, called like a network: query, support images and support masks to logits.

    The callable is a function, an instance of `nn.Module`, or a class, of which an instance is made without arguments.
    Its module is found in the current folder, or where Python finds modules. Raises ValueError if it cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        module, _, function = name.partition(":")
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)
        try:
            found = getattr(import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"the method {name} is neither in {here} nor in an installed package: {error}") from error
        self.name = name
        self._segment = cast(Segment, found() if inspect.isclass(found) else found)  # a network moves to the device too
        self.digest = _digest(name, module)

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        logits = self._segment(target_image, support_images, support_labels)
        if logits.shape != target_image.shape:
            expected = tuple(target_image.shape)
            raise ValueError(f"the method {self.name} must return logits {expected}, it returned {tuple(logits.shape)}")
        return logits


def _digest(name: str, module: str) -> str:
    """The name and the hash of the module's file, so that scores of an older version are not used again."""
    path = getattr(sys.modules[module], "__file__", None)
    content = Path(path).read_bytes() if path else b""
    return f"{name} {hashlib.sha256(content).hexdigest()[:16]}"
