"""`python -m universeg.published`: fetch the weights that the paper's authors published, and print where they are."""

import sys
from pathlib import Path

import torch

from universeg.base.atomic_write import atomic_write

# Named so in the authors' own code; they give no digest.
URL = "https://github.com/JJGO/UniverSeg/releases/download/weights/universeg_v1_nf64_ss64_STA.pt"
LICENCE = (
    "These weights are not ours: they were trained on medical images whose owners set terms, and are published under"
    " OpenRAIL++-M, for research only. Read it at https://github.com/JJGO/UniverSeg before you use them."
)


def published_weights(folder: Path | None = None) -> Path:
    """The published weights in `folder` (by default where PyTorch keeps what it downloads), fetched if not there.

    Raises OSError where they cannot be fetched.
    """
    path = (folder or Path(torch.hub.get_dir()) / "checkpoints") / URL.rsplit("/", 1)[1]
    if not path.exists():
        with atomic_write(path) as part:
            torch.hub.download_url_to_file(URL, str(part), progress=sys.stderr.isatty())
    return path


def main() -> None:
    """Licence on standard error, path on standard output; exit status 1 with a message where they cannot be fetched."""
    sys.stderr.write(f"{LICENCE}\n")
    try:
        path = published_weights()
    except OSError as error:
        sys.stderr.write(f"{URL}: {error}; get it in a browser, and give its path as --weights\n")
        sys.exit(1)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
