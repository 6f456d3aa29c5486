"""manifest -> fetch -> unpack (-> segment) -> scans -> shard -> store -> catalogue, sheet. Rules name files; pipeline/ does the work.

snakemake --cores 32                            every dataset that can be had without asking anybody
snakemake --cores 32 --configfile my.yaml       as my.yaml says; config/config.yaml explains each key
snakemake -n                                    what would be done; needs no data
"""

import shlex
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


sys.path.insert(0, workflow.basedir)

from pipeline import config as settings
from pipeline.manifest import load_manifests

CONFIG = settings.parse(config)
FOLDERS = [folder if folder.is_dir() else Path(workflow.basedir) / folder for folder in CONFIG.manifests]
MANIFESTS = load_manifests(*FOLDERS)
FILES = {path.stem: path for folder in FOLDERS for path in folder.glob("*.yaml")}
PLAN = settings.plan(CONFIG, MANIFESTS)
GENERATED = [name for name in PLAN.build if MANIFESTS[name].generator]
PUBLISHED = [name for name in PLAN.build if not MANIFESTS[name].generator]
SEGMENTED = [name for name in PUBLISHED if settings.segments(CONFIG, MANIFESTS[name])]
ROOT = CONFIG.root.as_posix()
WAITING = " ".join(shlex.quote(f"{name}: {steps}") for name, steps in PLAN.waiting.items())
LEFT_OUT = " ".join(shlex.quote(f"{name}: {why}") for name, why in PLAN.left_out.items())
# Not a parameter: the same files from another place are no reason to build anything again.
MIRROR = f"--mirror {shlex.quote(CONFIG.mirror)}" if CONFIG.mirror else ""
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


def manifest_of(wildcards):
    # Its facts count, in each rule's params, and not when it was saved: a comment rebuilds nothing.
    return ancient(FILES[wildcards.dataset])


def have(wildcards):
    folder = CONFIG.have.get(wildcards.dataset)
    return f"--have {shlex.quote(str(folder))}" if folder else ""


def digest(*fields):
    return lambda wildcards: MANIFESTS[wildcards.dataset].digest(*fields)


def shards(wildcards):
    return expand(f"{ROOT}/shards/{wildcards.dataset}/{{chunk}}.lmdb", chunk=range(CONFIG.chunks))


def files(wildcards):
    """The note of where a dataset's files are: as unpacked, or with labels that were made."""
    return f"{ROOT}/{'segmented' if wildcards.dataset in SEGMENTED else 'raw'}/{wildcards.dataset}.json"


def evidence(wildcards):
    """What came before the shards of a published dataset; generated ones have no such thing."""
    if wildcards.dataset in GENERATED:
        return {}
    return {name: f"{ROOT}/{name}s/{wildcards.dataset}.json" for name in ("receipt", "scan")}


onsuccess:
    shell(f"{RUN} summary --root {shlex.quote(ROOT)} --waiting {WAITING} --left-out {LEFT_OUT}")


onerror:
    shell(f"{RUN} summary --root {shlex.quote(ROOT)} --waiting {WAITING} --left-out {LEFT_OUT}")


rule all:
    input:
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=PLAN.build),
        expand(f"{ROOT}/reports/sheets/{{dataset}}.png", dataset=PLAN.build),
        f"{ROOT}/reports/catalogue.csv" if PLAN.build else [],


rule fetch:
    # The output is a receipt: Snakemake deletes outputs before it runs a rule again, and downloads must survive that.
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
        "{RUN} fetch --manifest {input.manifest:q} --root {ROOT:q} {MIRROR} {params.have} --out {output:q} 2> {log:q}"


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
        "{RUN} unpack --manifest {input.manifest:q} --root {ROOT:q} {params.have} --receipt {input.receipt:q}"
        " --out {output:q} 2> {log:q}"


rule to_segment:
    # Only writes a script: the container of the next rule has FreeSurfer, and nothing of ours.
    input:
        manifest=manifest_of,
        raw=rules.unpack.output,
    output:
        f"{ROOT}/segmented/{{dataset}}/{{chunk}}.sh",
    log:
        f"{ROOT}/logs/to_segment/{{dataset}}/{{chunk}}.log",
    params:
        facts=digest("groups"),
        how=f"--tool {CONFIG.segment.tool} --licence {shlex.quote(str(CONFIG.segment.licence))}",
        chunks=CONFIG.chunks,
    shell:
        "{RUN} to_segment --manifest {input.manifest:q} --raw {input.raw:q} {params.how} --chunk {wildcards.chunk}"
        " --chunks {params.chunks} --out {output:q} 2> {log:q}"


rule segment:
    # What it makes is no output of the rule, so that a run that is killed after days goes on where it was.
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
        tool=CONFIG.segment.tool,
        scripts=f"{ROOT}/segmented/{{dataset}}",
    shell:
        "{RUN} segmented --raw {input.raw:q} --tool {params.tool} --scripts {params.scripts:q} --out {output:q} 2> {log:q}"


rule scans:
    input:
        manifest=manifest_of,
        raw=files,
    output:
        f"{ROOT}/scans/{{dataset}}.json",
    log:
        f"{ROOT}/logs/scans/{{dataset}}.log",
    params:
        facts=digest("groups"),
        recipe=settings.RECIPE,
    shell:
        "{RUN} scans --manifest {input.manifest:q} --raw {input.raw:q} --out {output:q} 2> {log:q}"


rule shard:
    input:
        manifest=manifest_of,
        scans=rules.scans.output,
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
        recipe=settings.RECIPE,
        form=f"--size {CONFIG.resolution} --geometry {CONFIG.geometry} --min-pixels {CONFIG.min_pixels}",
        chunks=CONFIG.chunks,
    shell:
        "{RUN} shard --manifest {input.manifest:q} --scans {input.scans:q} --chunk {wildcards.chunk}"
        " --chunks {params.chunks} {params.form} --out {output[0]:q} 2> {log:q}"


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
        recipe=settings.RECIPE,
        chunks=CONFIG.chunks,
        what=f"--tasks {CONFIG.synthetic.tasks} --subjects {CONFIG.synthetic.subjects}"
        f" --seed {CONFIG.synthetic.seed} --size {CONFIG.resolution}",
        family=lambda wildcards: CONFIG.synthetic.family or MANIFESTS[wildcards.dataset].generator,
    shell:
        "{RUN} synthetic --manifest {input.manifest:q} {params.what} --family {params.family:q}"
        " --chunk {wildcards.chunk} --chunks {params.chunks} --out {output[0]:q} 2> {log:q}"


rule store:
    input:
        unpack(evidence),
        manifest=manifest_of,
        shards=shards,
    output:
        store=f"{ROOT}/stores/{{dataset}}.lmdb",
        report=f"{ROOT}/reports/attrition/{{dataset}}.csv",
    log:
        f"{ROOT}/logs/store/{{dataset}}.log",
    params:
        facts=digest(),
        recipe=settings.RECIPE,
        form=f"--size {CONFIG.resolution} --geometry {CONFIG.geometry} --min-pixels {CONFIG.min_pixels}",
        strict="--strict" if CONFIG.strict else "",
        evidence=lambda wildcards, input: (
            f"--receipt {shlex.quote(input.receipt)} --scans {shlex.quote(input.scan)}"
            if wildcards.dataset in PUBLISHED
            else ""
        ),
    shell:
        "{RUN} store --manifest {input.manifest:q} {params.evidence} {params.form} {params.strict}"
        " --out {output.store:q} --report {output.report:q} --shards {input.shards:q} 2> {log:q}"


rule catalogue:
    input:
        expand(f"{ROOT}/stores/{{dataset}}.lmdb", dataset=PLAN.build),
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
        recipe=settings.RECIPE,
    shell:
        "{RUN} sheet --store {input:q} --out {output:q} 2> {log:q}"
