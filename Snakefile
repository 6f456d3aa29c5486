"""config -> manifest -> fetch -> unpack (-> segment) -> match -> shard -> store -> catalogue, sheet.

snakemake --cores 32                            build every dataset that needs no access request
snakemake --cores 32 --configfile my.yaml       use the settings of my.yaml; config/config.yaml explains each
snakemake -n                                    show what would be done; needs no data

A rule names files and settings, and calls one stage: python -m pipeline STAGE. The work is done in pipeline/.
"""

import shlex
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


sys.path.insert(0, workflow.basedir)

from pipeline.config import RECIPE, claim, parse, write_config
from pipeline.manifest.schema import load_manifests
from pipeline.report.selection import makes_labels, select

CONFIG = parse(config).with_manifests_in(Path(workflow.basedir))
MANIFESTS = load_manifests(*CONFIG.manifests)
FILES = {path.stem: path for folder in CONFIG.manifests for path in folder.glob("*.yaml")}
SELECTED = select(CONFIG, MANIFESTS)
GENERATED = [name for name in SELECTED.build if MANIFESTS[name].generator]
PUBLISHED = [name for name in SELECTED.build if not MANIFESTS[name].generator]
SEGMENTED = [name for name in PUBLISHED if makes_labels(CONFIG, MANIFESTS[name])]
ROOT = CONFIG.root.as_posix()
# The stages read the settings from this file. It is not the output of a rule: Snakemake does not compare the params of
# jobs that come after a job that runs, so a changed setting would not run them again.
RESOLVED = f"{ROOT}/config.json"
REPORTS = f"{ROOT}/reports/attrition"
RUN = f"PYTHONPATH={shlex.quote(workflow.basedir)} {shlex.quote(sys.executable)} -m pipeline"


wildcard_constraints:
    dataset="|".join(MANIFESTS),
    chunk=r"\d+",


localrules:
    all,
    fetch,
    to_segment,
    segmented,
    catalogue,
    gallery,


# A newer manifest alone runs nothing again. The params of each rule have the facts and the settings that change its
# output, and Snakemake compares these.
def manifest_of(wildcards):
    return ancient(FILES[wildcards.dataset])


def digest(*fields):
    """A short digest of these fields of the manifest, or of all fields."""
    return lambda wildcards: MANIFESTS[wildcards.dataset].digest(*fields)


def have(wildcards):
    """The folder with the unpacked dataset, if the config names one."""
    return str(CONFIG.have.get(wildcards.dataset, ""))


def shards(wildcards):
    return expand(f"{ROOT}/shards/{wildcards.dataset}/{{chunk}}.lmdb", chunk=range(CONFIG.chunks))


def files(wildcards):
    """The note that says where a dataset's files are: as unpacked, or with the labels that a tool created."""
    return f"{ROOT}/{'segmented' if wildcards.dataset in SEGMENTED else 'raw'}/{wildcards.dataset}.json"


def evidence(wildcards):
    """What a published dataset's store is checked against; generated datasets have no such files."""
    if wildcards.dataset in GENERATED:
        return {}
    return {name: f"{ROOT}/{name}s/{wildcards.dataset}.json" for name in ("receipt", "scan")}


onstart:
    workflow.claimed_root = claim(CONFIG.root)  # until this process ends
    write_config(CONFIG, Path(RESOLVED))


onsuccess:
    shell("{RUN} summary --config {RESOLVED:q}")


onerror:
    shell("{RUN} summary --config {RESOLVED:q}")


rule all:
    input:
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=SELECTED.build),
        expand(f"{ROOT}/reports/sheets/{{dataset}}.png", dataset=SELECTED.build),
        [f"{ROOT}/reports/catalogue.csv", f"{ROOT}/reports/gallery.html"] if SELECTED.build else [],


rule fetch:
    # The output is a receipt. The downloads are not: Snakemake would delete them before it runs the rule again.
    input:
        manifest=manifest_of,
    output:
        f"{ROOT}/receipts/{{dataset}}.json",
    log:
        f"{ROOT}/logs/fetch/{{dataset}}.log",
    params:
        facts=digest("sources"),
        have=have,
    shell:
        "{RUN} fetch --config {RESOLVED:q} --manifest {input.manifest:q} --out {output:q} 2> {log:q}"


rule unpack:
    input:
        manifest=manifest_of,
        receipt=rules.fetch.output,
    output:
        f"{ROOT}/raw/{{dataset}}.json",
    log:
        f"{ROOT}/logs/unpack/{{dataset}}.log",
    params:
        facts=digest("sources"),
        have=have,
    shell:
        "{RUN} unpack --config {RESOLVED:q} --manifest {input.manifest:q} --receipt {input.receipt:q}"
        " --out {output:q} 2> {log:q}"


rule to_segment:
    # Writes only a script, because the container of the next rule has FreeSurfer, but not this project.
    input:
        manifest=manifest_of,
        raw=rules.unpack.output,
    output:
        f"{ROOT}/segmented/{{dataset}}/{{chunk}}.sh",
    log:
        f"{ROOT}/logs/to_segment/{{dataset}}/{{chunk}}.log",
    params:
        facts=digest("groups"),
        settings=CONFIG.affecting("to_segment"),
    shell:
        "{RUN} to_segment --config {RESOLVED:q} --manifest {input.manifest:q} --raw {input.raw:q}"
        " --chunk {wildcards.chunk} --out {output:q} 2> {log:q}"


rule segment:
    # The labels are not outputs of the rule: Snakemake would delete them, and they may have taken days.
    input:
        rules.to_segment.output,
    output:
        touch(f"{ROOT}/segmented/{{dataset}}/{{chunk}}.done"),
    log:
        f"{ROOT}/logs/segment/{{dataset}}/{{chunk}}.log",
    container:
        CONFIG.segment.container
    resources:
        mem_mb=16000,
    shell:
        "bash {input:q} > {log:q} 2>&1"


rule segmented:
    input:
        raw=rules.unpack.output,
        done=lambda wildcards: expand(
            f"{ROOT}/segmented/{wildcards.dataset}/{{chunk}}.done", chunk=range(CONFIG.chunks)
        ),
    output:
        f"{ROOT}/segmented/{{dataset}}.json",
    log:
        f"{ROOT}/logs/segmented/{{dataset}}.log",
    params:
        settings=CONFIG.affecting("segmented"),
        scripts=f"{ROOT}/segmented/{{dataset}}",
    shell:
        "{RUN} segmented --config {RESOLVED:q} --raw {input.raw:q} --scripts {params.scripts:q}"
        " --out {output:q} 2> {log:q}"


rule match:
    input:
        manifest=manifest_of,
        raw=files,
    output:
        f"{ROOT}/scans/{{dataset}}.json",
    log:
        f"{ROOT}/logs/match/{{dataset}}.log",
    params:
        facts=digest("groups"),
        recipe=RECIPE,
    shell:
        "{RUN} match --manifest {input.manifest:q} --raw {input.raw:q} --out {output:q} 2> {log:q}"


rule shard:
    input:
        manifest=manifest_of,
        scans=rules.match.output,
    output:
        f"{ROOT}/shards/{{dataset}}/{{chunk}}.lmdb",
        f"{ROOT}/shards/{{dataset}}/{{chunk}}.csv",
    log:
        f"{ROOT}/logs/shard/{{dataset}}/{{chunk}}.log",
    wildcard_constraints:
        dataset="|".join(PUBLISHED) or "none",
    resources:
        mem_mb=8000,
    params:
        facts=digest("groups"),
        recipe=RECIPE,
        settings=CONFIG.affecting("shard"),
    shell:
        "{RUN} shard --config {RESOLVED:q} --manifest {input.manifest:q} --scans {input.scans:q}"
        " --chunk {wildcards.chunk} --out {output[0]:q} 2> {log:q}"


rule synthetic:
    input:
        manifest=manifest_of,
    output:
        f"{ROOT}/shards/{{dataset}}/{{chunk}}.lmdb",
        f"{ROOT}/shards/{{dataset}}/{{chunk}}.csv",
    log:
        f"{ROOT}/logs/shard/{{dataset}}/{{chunk}}.log",
    wildcard_constraints:
        dataset="|".join(GENERATED) or "none",
    resources:
        mem_mb=4000,
    params:
        facts=digest("generator"),
        recipe=RECIPE,
        settings=CONFIG.affecting("synthetic"),
    shell:
        "{RUN} synthetic --config {RESOLVED:q} --manifest {input.manifest:q} --chunk {wildcards.chunk}"
        " --out {output[0]:q} 2> {log:q}"


rule store:
    # The attrition report is not an output: Snakemake deletes the outputs of a job that fails, and then the report is
    # needed most.
    input:
        unpack(evidence),
        manifest=manifest_of,
        shards=shards,
    output:
        f"{ROOT}/stores/{{dataset}}.lmdb",
    log:
        f"{ROOT}/logs/store/{{dataset}}.log",
    params:
        facts=digest(),
        recipe=RECIPE,
        settings=CONFIG.affecting("store"),
        evidence=lambda wildcards, input: (
            f"--receipt {shlex.quote(input.receipt)} --scans {shlex.quote(input.scan)}"
            if wildcards.dataset in PUBLISHED
            else ""
        ),
    shell:
        "{RUN} store --config {RESOLVED:q} --manifest {input.manifest:q} {params.evidence}"
        " --out {output:q} --report {REPORTS:q}/{wildcards.dataset}.csv --shards {input.shards:q} 2> {log:q}"


rule catalogue:
    input:
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=SELECTED.build),
    output:
        f"{ROOT}/reports/catalogue.csv",
    log:
        f"{ROOT}/logs/catalogue.log",
    shell:
        "{RUN} catalogue --out {output:q} --stores {input:q} 2> {log:q}"


rule gallery:
    input:
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=SELECTED.build),
    output:
        f"{ROOT}/reports/gallery.html",
    log:
        f"{ROOT}/logs/gallery.log",
    shell:
        "{RUN} gallery --config {RESOLVED:q} --out {output:q} --stores {input:q} 2> {log:q}"


rule sheet:
    input:
        rules.store.output,
    output:
        f"{ROOT}/reports/sheets/{{dataset}}.png",
    log:
        f"{ROOT}/logs/sheet/{{dataset}}.log",
    params:
        recipe=RECIPE,
    shell:
        "{RUN} sheet --store {input:q} --out {output:q} 2> {log:q}"
