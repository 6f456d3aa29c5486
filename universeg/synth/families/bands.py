"""Family `bands`: irregular bands, islands and pores, at other positions in each subject."""

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import smooth_noise
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene


def bands(draws: Draws) -> Scene:
    """Labels are the pixels where smooth noise is low, in the middle or high."""
    noise = smooth_noise(draws, draws.integer(5, 18))
    noise = noise + draws.uniform(0, 0.5) * smooth_noise(draws, draws.integer(18, 40))
    low = draws.uniform(-1, 0.3)
    high = low + draws.log_uniform(0.3, 1.2)
    kinds = (noise > low).long() + (noise > high).long()
    parts = {name: kinds == n for n, name in enumerate(("low", "middle", "high"))}
    return Scene(rendered(draws, kinds, 3, 0), parts)
