"""F0, the recipe of the paper (section D): a random partition, deformed for each subject, with random intensities.

- f0: all steps of a task.
- Layers: geometry (the partition), subjects (deformations), labels (masks), appearance (intensities and noise),
  degradation (blur, bias field, gamma).
- noise: smooth noise. warp: resampling of images and label maps along a displacement.
"""
