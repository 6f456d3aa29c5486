"""PPMI: a FreeSurfer subjects folder; patients have several sessions; folders follow several naming schemes."""

from layouts.expected import Layout
from layouts.freesurfer import recon


def write(root):
    base = root / "subjects"
    cases = [
        *recon(base, "PPMI", "3102", "3102@s"),
        *recon(base, "PPMI", "sub-3107_ses-1", "sub-3107@s_ses-1"),
        *recon(base, "PPMI", "40533_20110307", "40533@s_20110307"),
    ]
    recon(base, "PPMI", "40533_20130307", "")  # the same patient later
    recon(base, "PPMI", "3102_2", "")
    recon(base, "PPMI", "fsaverage", "")
    return Layout(cases)
