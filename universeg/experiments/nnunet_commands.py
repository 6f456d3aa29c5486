"""The commands of nnU-Net for one task, each in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from universeg.base.atomic_write import atomic_write
from universeg.experiments.config import ExperimentConfig

TRAINERS = Path(__file__).parent / "nnunet_trainers"
NUMBER, CONFIGURATION, PLANS = 1, "2d", "nnUNetPlans"
CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
# Memory that nnU-Net plans for, in GB, with its short trainer: then a step is small enough for a CPU.
SMALL_MEMORY = "0.3"
Soft = NDArray[np.uint8]
ENTRIES = {
    "plan": ("nnunetv2.experiment_planning.plan_and_preprocess_entrypoints", "plan_and_preprocess_entry"),
    "train": ("nnunetv2.run.run_training", "run_training_entry"),
    "predict": ("nnunetv2.inference.predict_from_raw_data", "predict_entry_point"),
}


class NnunetRun:
    """The commands of nnU-Net for one task. All its files are in one folder."""

    def __init__(self, config: ExperimentConfig, folder: Path) -> None:
        self._folder = folder.resolve()
        self._times = self._folder / "seconds.txt"  # of each command that succeeded
        quick = config.scale != "full"
        self.trainer = config.trainer or config.numbers.nnunet
        self._memory = ["-gpu_memory_target", SMALL_MEMORY] if quick else []
        self._device = ["-device", config.compute.device.type]
        self._dataset = f"Dataset{NUMBER:03d}_task"
        self.preprocessed = self._folder / "preprocessed" / self._dataset
        places = {f"nnUNet_{kind}": str(self._folder / kind) for kind in ("raw", "preprocessed", "results")}
        self._environment = {**os.environ, **places, "nnUNet_extTrainer": str(TRAINERS)}
        # On a CPU, workers that prepare data take time from the training itself.
        on_cpu = config.compute.device.type == "cpu"
        self._no_workers = {"nnUNet_n_proc_DA": "0", "nnUNet_compile": "f"} if on_cpu else {}

    def plan(self) -> None:
        """Let nnU-Net choose its network and its preprocessing, and preprocess the training images, once."""
        done = self.preprocessed / "done"
        if done.exists():
            return
        words = ["-d", str(NUMBER), "-c", CONFIGURATION, "--verify_dataset_integrity", "-np", "1", "-npfp", "1"]
        self._run("plan", [*words, *self._memory])
        with atomic_write(done) as part:
            part.write_text("all training images are preprocessed\n", encoding="utf-8")

    def train(self, fold: int) -> None:
        """Train one fold; a fold that is done is not trained again, and one that was interrupted is continued."""
        results = self._results() / f"fold_{fold}"
        if (results / CHECKPOINTS[0]).exists():
            return
        again = ["--c"] if (results / "checkpoint_latest.pth").exists() else []
        self._run("train", [self._dataset, CONFIGURATION, str(fold), "-tr", self.trainer, *self._device, *again])

    def predict(self, checkpoint: str, count: int) -> dict[str, Soft]:
        """The mean probability (H, W), 0..255, of the folds for each image of the dev and the test split."""
        out = self._folder / "predicted" / checkpoint
        raw = self._folder / "raw" / self._dataset / "imagesTs"
        chosen = ["-f", *map(str, range(count)), "-chk", checkpoint, "-tr", self.trainer, "-npp", "1", "-nps", "1"]
        words = ["-i", str(raw), "-o", str(out), "-d", str(NUMBER), "-c", CONFIGURATION, "--save_probabilities"]
        self._run("predict", [*words, *chosen, *self._device])
        found = dict[str, Soft]()
        for path in sorted(out.glob("*.npz")):
            with np.load(path, allow_pickle=False) as content:
                found[path.stem] = np.rint(255 * content["probabilities"][1].squeeze()).astype(np.uint8)
        return found

    def parameters(self) -> int:
        """Parameters of one network, counted in its weights."""
        path = self._results() / "fold_0" / CHECKPOINTS[0]
        # nnU-Net's own file of this run. It also holds NumPy numbers, which `weights_only` refuses by default.
        with torch.serialization.safe_globals(_numpy_numbers()):
            content = torch.load(path, map_location="cpu", weights_only=True)
        weights = content["network_weights"]
        return sum(tensor.numel() for tensor in {tensor.data_ptr(): tensor for tensor in weights.values()}.values())

    def seconds(self) -> float:
        """The time that planning and training took, also in earlier calls."""
        lines = (line.split() for line in self._times.read_text(encoding="utf-8").splitlines())
        return sum(float(seconds) for what, seconds in lines if what != "predict")

    def _results(self) -> Path:
        return self._folder / "results" / self._dataset / f"{self.trainer}__{PLANS}__{CONFIGURATION}"

    def _run(self, what: str, words: Sequence[str]) -> None:
        """Run a command of nnU-Net; its output goes to a log. Raises ValueError with the end of the log if it fails."""
        module, function = ENTRIES[what]
        code = f"from {module} import {function} as run; run()"
        log = self._folder / "nnunet.log"
        with log.open("a", encoding="utf-8") as file:
            file.write(f"\n$ {what} {' '.join(words)}\n")
            file.flush()
            environment = self._environment | (self._no_workers if what == "train" else {})
            command = [sys.executable, "-c", code, *words]
            began = monotonic()
            status = subprocess.run(command, env=environment, stdout=file, stderr=file, check=False).returncode
        if status:
            end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
            raise ValueError(f"nnU-Net's {what} ended with status {status}; the end of {log}:\n{end}")
        with self._times.open("a", encoding="utf-8") as file:
            file.write(f"{what} {monotonic() - began:.3f}\n")


def _numpy_numbers() -> list[Any]:
    """What PyTorch must know to load NumPy's numbers: they hold no code."""
    from numpy._core.multiarray import scalar

    return [scalar, np.dtype, *(getattr(np.dtypes, name) for name in np.dtypes.__all__)]
