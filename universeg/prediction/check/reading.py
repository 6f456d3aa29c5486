"""Read the examples with what is known to be wrong with them, and fix it on request. No torch here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from universeg.imageio.image import ImageError
from universeg.prediction.check.findings import Finding, listed
from universeg.prediction.check.fixes import Sources, fixed_examples, fixed_sources, size_findings, source_findings
from universeg.prediction.check.support_doctor import support_findings
from universeg.prediction.examples import Examples

DONE = {
    "swap": "exchanged images and masks",
    "resize": "resized the mask to the size of its image",
    "invert": "exchanged inside and outside",
    "fill": "filled the outlines",
    "turn": "turned or mirrored the masks",
    "leave out": "left out copies",
}


@dataclass(frozen=True)
class Checked:
    """The examples as they are used."""

    examples: Examples
    findings: tuple[Finding, ...] = ()  # about the files; those about the examples come from `check_up`
    fixed: tuple[str, ...] = ()  # what was changed, for people


def read_examples(sources: Sources, load: Callable[[Sources], Examples], fix: bool) -> Checked:
    """The examples that `load` makes of the files, after safe fixes if `fix` is set.

    Raises ImageError if images and masks are exchanged and `fix` is not set, and whatever `load` raises.
    """
    if not fix:
        found = source_findings(sources)
        if any(one.fix and one.fix.action == "swap" for one in found):
            raise ImageError(f"{found[0]}, or use --fix")
        return Checked(load(sources), tuple(found))
    done = list[str]()
    for find in (source_findings, size_findings):  # sizes can be compared when images and masks are in their places
        found = find(sources)
        done += [_done(one, [_name(image) for image in sources.images]) for one in found if one.fix]
        sources = fixed_sources(sources, found)
    checked = fixed(load(sources), support_findings)
    return Checked(checked.examples, fixed=(*done, *checked.fixed))


def fixed(examples: Examples, find: Callable[[Examples], Sequence[Finding]]) -> Checked:
    """The examples after the fixes that `find` names."""
    found = [one for one in find(examples) if one.fix]
    names = [image.name for image in examples.images]
    return Checked(fixed_examples(examples, found), fixed=tuple(_done(one, names) for one in found))


def _done(finding: Finding, names: Sequence[str]) -> str:
    assert finding.fix is not None, "only findings with a fix are done"
    which = finding.fix.examples
    where = "all examples" if len(which) == len(names) else listed(Path(names[at]).name for at in which)
    return f"{DONE[finding.fix.action]}: {where}"


def _name(source: object) -> str:
    return str(source) if isinstance(source, str | Path) else "array"
