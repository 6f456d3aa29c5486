"""Convert any image to what the network sees: intensities in [0, 1] on a square grid. Nothing here imports torch.

- normalise: intensities to [0, 1], by a rule for each modality (paper, section A).
- resample: the scan's own grid to the standard grid.

The pipeline builds stores with these functions, and prediction applies them to the user's images. So images at
prediction are processed exactly as the training images were.
"""
