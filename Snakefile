"""config -> manifest -> fetch -> unpack (-> segment) -> match -> shard -> store -> catalogue, sheet.

snakemake --cores 32                            every dataset that needs no access request
snakemake --cores 32 --configfile my.yaml       with the settings of my.yaml; config/config.yaml explains each
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

from pipeline.config import RECIPE, parse
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
RUN = f"PYTHONPATH={shlex.quote(workflow.basedir)} {shlex.quote(sys.executable)} -m pipeline"


wildcard_constraints:
    dataset="|".join(MANIFESTS),
    chunk=r"\d+",


localrules:
    all,
    resolve_config,
    fetch,
    to_segment,
    segmented,
    catalogue,


def settings(stage):
    """The settings that the output of a stage depends on: a change of one runs the rule again."""
    return CONFIG.affecting(stage)


def resolved_config(wildcards):
    # Every rule reads this file, but only the settings in its params decide whether it runs again.
    return ancient(f"{ROOT}/config.json")


def manifest_of(wildcards):
    # Its facts are in the params of each rule, so a changed comment rebuilds nothing.
    return ancient(FILES[wildcards.dataset])


def digest(*fields):
    return lambda wildcards: MANIFESTS[wildcards.dataset].digest(*fields)


def have(wildcards):
    return str(CONFIG.have.get(wildcards.dataset, ""))


def shards(wildcards):
    return expand(f"{ROOT}/shards/{wildcards.dataset}/{{chunk}}.lmdb", chunk=range(CONFIG.chunks))


def files(wildcards):
    """The note that says where a dataset's files are: as unpacked, or with labels that were made for it."""
    return f"{ROOT}/{'segmented' if wildcards.dataset in SEGMENTED else 'raw'}/{wildcards.dataset}.json"


def evidence(wildcards):
    """What a published dataset's store is checked against; generated datasets have no such files."""
    if wildcards.dataset in GENERATED:
        return {}
    return {name: f"{ROOT}/{name}s/{wildcards.dataset}.json" for name in ("receipt", "scan")}


onsuccess:
    shell(f"{RUN} summary --config {shlex.quote(ROOT)}/config.json")


onerror:
    shell(f"{RUN} summary --config {shlex.quote(ROOT)}/config.json")


rule all:
    input:
        f"{ROOT}/config.json",
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=SELECTED.build),
        expand(f"{ROOT}/reports/sheets/{{dataset}}.png", dataset=SELECTED.build),
        f"{ROOT}/reports/catalogue.csv" if SELECTED.build else [],


rule resolve_config:
    output:
        f"{ROOT}/config.json",
    log:
        f"{ROOT}/logs/config.log",
    params:
        settings=CONFIG.model_dump_json(),
    shell:
        "{RUN} config --settings {params.settings:q} --out {output:q} 2> {log:q}"


rule fetch:
    # The output is a receipt, not the downloads: Snakemake deletes outputs before it runs a rule again.
    input:
        config=resolved_config,
        manifest=manifest_of,
    output:
        f"{ROOT}/receipts/{{dataset}}.json",
    log:
        f"{ROOT}/logs/fetch/{{dataset}}.log",
    params:
        facts=digest("sources"),
        have=have,
    shell:
        "{RUN} fetch --config {input.config:q} --manifest {input.manifest:q} --out {output:q} 2> {log:q}"


rule unpack:
    input:
        config=resolved_config,
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
        "{RUN} unpack --config {input.config:q} --manifest {input.manifest:q} --receipt {input.receipt:q}"
        " --out {output:q} 2> {log:q}"


rule to_segment:
    # Only writes a script: the container of the next rule has FreeSurfer, but not this project.
    input:
        config=resolved_config,
        manifest=manifest_of,
        raw=rules.unpack.output,
    output:
        f"{ROOT}/segmented/{{dataset}}/{{chunk}}.sh",
    log:
        f"{ROOT}/logs/to_segment/{{dataset}}/{{chunk}}.log",
    params:
        facts=digest("groups"),
        settings=settings("to_segment"),
    shell:
        "{RUN} to_segment --config {input.config:q} --manifest {input.manifest:q} --raw {input.raw:q}"
        " --chunk {wildcards.chunk} --out {output:q} 2> {log:q}"


rule segment:
    # The labels are not outputs of the rule, so that a run killed after days continues where it stopped.
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
        config=resolved_config,
        raw=rules.unpack.output,
        done=lambda wildcards: expand(
            f"{ROOT}/segmented/{wildcards.dataset}/{{chunk}}.done", chunk=range(CONFIG.chunks)
        ),
    output:
        f"{ROOT}/segmented/{{dataset}}.json",
    log:
        f"{ROOT}/logs/segmented/{{dataset}}.log",
    params:
        settings=settings("segmented"),
        scripts=f"{ROOT}/segmented/{{dataset}}",
    shell:
        "{RUN} segmented --config {input.config:q} --raw {input.raw:q} --scripts {params.scripts:q}"
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
        config=resolved_config,
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
        settings=settings("shard"),
    shell:
        "{RUN} shard --config {input.config:q} --manifest {input.manifest:q} --scans {input.scans:q}"
        " --chunk {wildcards.chunk} --out {output[0]:q} 2> {log:q}"


rule synthetic:
    input:
        config=resolved_config,
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
        settings=settings("synthetic"),
    shell:
        "{RUN} synthetic --config {input.config:q} --manifest {input.manifest:q} --chunk {wildcards.chunk}"
        " --out {output[0]:q} 2> {log:q}"


rule store:
    input:
        unpack(evidence),
        config=resolved_config,
        manifest=manifest_of,
        shards=shards,
    output:
        store=f"{ROOT}/stores/{{dataset}}.lmdb",
        report=f"{ROOT}/reports/attrition/{{dataset}}.csv",
    log:
        f"{ROOT}/logs/store/{{dataset}}.log",
    params:
        facts=digest(),
        recipe=RECIPE,
        settings=settings("store"),
        evidence=lambda wildcards, input: (
            f"--receipt {shlex.quote(input.receipt)} --scans {shlex.quote(input.scan)}"
            if wildcards.dataset in PUBLISHED
            else ""
        ),
    shell:
        "{RUN} store --config {input.config:q} --manifest {input.manifest:q} {params.evidence}"
        " --out {output.store:q} --report {output.report:q} --shards {input.shards:q} 2> {log:q}"


rule catalogue:
    input:
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=SELECTED.build),
    output:
        f"{ROOT}/reports/catalogue.csv",
    log:
        f"{ROOT}/logs/catalogue.log",
    shell:
        "{RUN} catalogue --out {output:q} --stores {input:q} 2> {log:q}"


rule sheet:
    input:
        rules.store.output.store,
    output:
        f"{ROOT}/reports/sheets/{{dataset}}.png",
    log:
        f"{ROOT}/logs/sheet/{{dataset}}.log",
    params:
        recipe=RECIPE,
    shell:
        "{RUN} sheet --store {input:q} --out {output:q} 2> {log:q}"
