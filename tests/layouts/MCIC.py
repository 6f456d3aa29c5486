"""MCIC: a FreeSurfer subjects folder, which also contains FreeSurfer's own example subjects."""

from layouts.expected import Layout
from layouts.freesurfer import recon


def write(root):
    base = root / "subjects"
    cases = [case for name in ("M87100000", "A00031") for case in recon(base, "MCIC", name, name)]
    recon(base, "MCIC", "fsaverage", "fsaverage")
    return Layout(cases)
