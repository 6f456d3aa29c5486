"""Video (.avi and what else FFmpeg knows) by frame, through PyAV."""

from pathlib import Path

from pipeline.attrition import BadScan
from universeg.imageio.image import RawImage

MOST_PIXELS = 1 << 26  # of one frame


def video(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """Frame `index` in colour, counted from 0 in the order of showing."""
    import av

    if index is None:
        raise BadScan("is a video", remedy="choose frames with 'frames' in the manifest")
    with av.open(str(path), mode="r") as container:
        if not container.streams.video:
            raise BadScan("holds no pictures")
        stream = container.streams.video[0]
        if stream.width * stream.height > MOST_PIXELS:
            raise BadScan(f"claims {stream.width} x {stream.height} pixels, more than {MOST_PIXELS}")
        number = -1
        for number, frame in enumerate(container.decode(stream)):
            if number == index:
                return RawImage(frame.to_ndarray(format="rgb24"))
    raise BadScan(f"has {number + 1} frames, number {index} is wanted", remedy="correct the table of frames")
