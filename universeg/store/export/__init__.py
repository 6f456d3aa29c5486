"""Labelled images in the layouts of other programs: nnU-Net, Hugging Face, npz as in MedSegBench, folders of PNG pairs.

- case: what is exported: images with label maps, and what must be said about them.
- layouts: the folders of nnU-Net, of Hugging Face, and of PNG pairs.
- npz: arrays in one file per task.
- about: README with licence and sources, `index.csv`, and Croissant metadata; croissant has the latter.
- from_store: the tasks of a store; command: `python -m universeg.store export`.
"""
