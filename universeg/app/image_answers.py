"""Answers about one image: what it is, its pixels, and the masks of its slices. No torch here."""

import zlib
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from universeg.app.choices import accept_drafts
from universeg.app.requests import json_of, session_of
from universeg.app.session import Labels, Session
from universeg.app.thumbnail import plane_across, thumbnail


async def image(request: Request) -> Response:
    """What the page must know of an image before it shows it."""
    return JSONResponse(await run_in_threadpool(_about, session_of(request), request.path_params["key"]))


async def pixels(request: Request) -> Response:
    """A slice: colours (h, w, 3) uint8, or grey levels (h, w) uint16, little-endian."""
    return _binary(await run_in_threadpool(_pixels, session_of(request), *_slice_of(request)))


async def mask(request: Request) -> Response:
    """The label map (h, w) uint8 of a slice; headers say whose it is, and its revision."""
    found = await run_in_threadpool(session_of(request).mask, *_slice_of(request))
    return _binary(found.values.tobytes(), {"X-Source": found.source, "X-Revision": str(found.revision)})


async def save_mask(request: Request) -> Response:
    """Keep a label map, sent as gzip; X-Revision is that of the mask that was painted on."""
    body, revision = await request.body(), request.headers.get("x-revision", "")
    if not revision.isdecimal():
        raise ValueError("the header X-Revision says which mask was painted on")
    arguments = session_of(request), *_slice_of(request), body, int(revision)
    return JSONResponse({"revision": await run_in_threadpool(_save, *arguments)})


async def clear(request: Request) -> Response:
    """Forget the person's mask of a slice."""
    await run_in_threadpool(session_of(request).clear, *_slice_of(request))
    return JSONResponse({})


async def mark(request: Request) -> Response:
    """Accept a slice, as an example or not, or take that back."""
    wish = await json_of(request)
    done, example = bool(wish.get("done")), bool(wish.get("example"))
    await run_in_threadpool(session_of(request).mark, *_slice_of(request), done, example)
    return JSONResponse({})


async def accept(request: Request) -> Response:
    """Accept all drafts of an image."""
    count = await run_in_threadpool(accept_drafts, session_of(request), request.path_params["key"])
    return JSONResponse({"accepted": count})


async def small(request: Request) -> Response:
    """A thumbnail; its address changes with the image's masks."""
    picture = await run_in_threadpool(thumbnail, session_of(request), request.path_params["key"])
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


async def across(request: Request) -> Response:
    """A picture of one of the two other planes of a volume, through a pixel of a slice."""
    try:
        plane, x, y = (int(request.query_params.get(name, "")) for name in ("plane", "x", "y"))
    except ValueError as error:
        raise ValueError("plane is 0 or 1, and x and y are whole numbers") from error
    picture = await run_in_threadpool(plane_across, session_of(request), *_slice_of(request), plane, (x, y))
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})


def _about(session: Session, key: str) -> dict[str, Any]:
    view = session.view(key)
    return {
        "key": key,
        "count": view.count,
        "shape": view.shape,
        "spacing": view.spacing,
        "colours": view.coloured and view.axis is None,
        "ends": view.ends,
        "step": view.step,
        "axis": view.axis,
        "directions": view.directions,
    }


def _pixels(session: Session, key: str, row: int) -> bytes:
    view = session.view(key)
    view.check_row(row)
    values = view.pixels(row)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()


def _save(session: Session, key: str, row: int, body: bytes, revision: int) -> int:
    return session.save_mask(key, row, _unzipped(body, session.view(key).shape), revision)


def _unzipped(body: bytes, shape: tuple[int, int]) -> Labels:
    """The label map (h, w) in a gzip body; never more bytes than that are unpacked."""
    size = shape[0] * shape[1]
    try:
        unzip = zlib.decompressobj(wbits=31)
        plain = unzip.decompress(body, size + 1)
    except zlib.error as error:
        raise ValueError(f"the mask is no gzip data: {error}") from error
    if len(plain) != size:
        raise ValueError(f"expected a mask of {size} bytes, got {'more' if len(plain) > size else len(plain)}")
    return np.frombuffer(plain, np.uint8).reshape(shape)


def _slice_of(request: Request) -> tuple[str, int]:
    return request.path_params["key"], request.path_params["row"]


def _binary(values: bytes, headers: dict[str, str] | None = None) -> Response:
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return Response(values, media_type="application/octet-stream", headers=kept)
