"""Video (.avi and other formats that FFmpeg reads): one frame, through PyAV."""

from pathlib import Path

from pipeline.attrition import BadScan
from universeg.imageio.image import RawImage

MAX_PIXELS = 1 << 26  # of one frame


def video(path: Path, array: str | None = None, index: int | None = None) -> RawImage:
    """Frame `index` in colour (row, column, 3). Frames are counted from 0, in the order in which they are shown."""
    import av

    if index is None:
        raise BadScan("is a video", remedy="choose its frames with 'frames' in the manifest")
    with av.open(str(path), mode="r") as container:
        if not container.streams.video:
            raise BadScan("has no pictures")
        stream = container.streams.video[0]
        if stream.width * stream.height > MAX_PIXELS:
            raise BadScan(f"claims {stream.width} x {stream.height} pixels, more than {MAX_PIXELS}")
        number = -1
        for number, frame in enumerate(container.decode(stream)):
            if number == index:
                return RawImage(frame.to_ndarray(format="rgb24"))
    raise BadScan(f"has {number + 1} frames, number {index} is wanted", remedy="correct the table of frames")
