"""Building blocks that all families but F0 share.

- random_draws: `Draws`, the random numbers of one task. batch_draws: the same for several tasks at once. numbers: what
  a family does with numbers in both cases.
- scene: `Scene`, the result of a family.
- Geometry: shapes (outlines), trees (vessels), fields (smooth random fields and textures).
- Subjects: pose (how subjects differ in position, size and deformation).
- Appearance: appearance (intensities and textures), thin_lines (images of vessels and membranes).
- Acquisition: acquisition (noise, blur, contrast, field of view).
- Labels: label_rules (which labels a task offers), learnable (which of them can be learnt).
- candidates: all steps together, from a family to a task, or to several at once.
"""
