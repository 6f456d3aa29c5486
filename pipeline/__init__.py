"""From the files of 53 datasets, as their owners publish them, to stores of 2-D binary segmentation tasks.

The stages, in the order in which data flows, each one sub-command of `python -m pipeline` and one Snakemake rule:

    manifest  what is known about a dataset                      manifest.py
    fetch     its archives, by URL, mirror or a person           fetch.py      -> receipts/
    unpack    archives into a folder, never outside it           unpack.py     -> raw/
    scans     files matched to subjects, modalities, labels      scans.py      -> scans/
    shard     read, normalise, resample, slice a chunk of scans  build.py      -> shards/
    store     shards and the split of subjects into one store    merge.py      -> stores/
    catalogue one row per task, over all stores                  catalogue.py  -> reports/   (in universeg)
    sheet     pictures, to see that images and labels are right  sheet.py      -> reports/
"""
