"""Build stores of 2-D binary segmentation tasks from datasets in the form in which their owners publish them.

The folders, in the order in which data flows. Each stage is a sub-command of `python -m pipeline` and a Snakemake rule.

    readers/    file formats that only datasets need; the others are in universeg/imageio
    labels/     label kinds: from label files to masks
    backends/   downloads, one class per kind of address
    manifest/   what is known about a dataset: sources, licence, file patterns, labels
    fetch/      download the files of a dataset                 -> downloads/, receipts/
    unpack/     extract the archives                            -> raw/
    match/      find the image and label files of every scan    -> scans/
    build/      read, normalise, resample, slice, merge         -> shards/, stores/
    report/     plan, catalogue, contact sheets, summary        -> reports/
    authoring/  check a manifest, draft a new one
"""
