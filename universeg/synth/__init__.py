"""Synthetic segmentation tasks: invented anatomies, subjects and images (paper, section D, and further families).

A task has one anatomy, several subjects, and one or more labels. A family is a recipe for tasks. It consists of five
layers: geometry (the anatomy), subjects (how it varies), labels, appearance (intensities) and acquisition (noise, blur
and the like, which F0 calls degradation).

- families/: one file for each family, and how to add one. scene/: what these families share.
- paper/: F0, the paper's recipe.
- mixes: the table of families, and mixes of them. config: the settings of F0.
- make_task: whole tasks, for stores. episode: one label of a new task, or several tasks at once, for training.
- statistics: measures of the labels, and their expected ranges.
"""

from universeg.synth.config import SynthConfig
from universeg.synth.episode import fresh_episode, fresh_scene, fresh_scenes
from universeg.synth.make_task import make_task
from universeg.synth.mixes import FAMILIES, MIXES, drawn_family, weights_of
from universeg.synth.task import SynthTask

__all__ = [
    "FAMILIES",
    "MIXES",
    "SynthConfig",
    "SynthTask",
    "drawn_family",
    "fresh_episode",
    "fresh_scene",
    "fresh_scenes",
    "make_task",
    "weights_of",
]
