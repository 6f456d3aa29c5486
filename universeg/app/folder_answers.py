"""Answers about the open folder: the session and its changes, labels, settings, export, and other folders.

No torch here.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from universeg.app.choices import set_labels, set_settings, want_better
from universeg.app.desk import Desk
from universeg.app.export import check_format
from universeg.app.places import places
from universeg.app.requests import desk_of, json_of, session_of
from universeg.app.state import checked_labels, checked_settings
from universeg.app.summary import told

LOOK_EVERY = 0.1  # seconds between looks at whether the session changed
PING_EVERY = 50  # looks after which the page hears that the server is still there


async def session(request: Request) -> Response:
    """The whole session."""
    return JSONResponse(await run_in_threadpool(_told, desk_of(request), -1))


async def events(request: Request) -> Response:
    """The session, and then its changes, as server-sent events."""
    headers = {"Cache-Control": "no-store"}
    return StreamingResponse(_events(desk_of(request), request), media_type="text/event-stream", headers=headers)


async def focus(request: Request) -> Response:
    """Which slice is in view: its draft is made first."""
    wish = await json_of(request)
    row = wish.get("row")
    if not isinstance(row, int) or row < 0:
        raise ValueError("row is the number of a slice, from 0")
    session_of(request).look_at(str(wish.get("key")), row)
    return JSONResponse({})


async def rest(request: Request) -> Response:
    """Segment all images that have no mask, or stop that."""
    wanted = bool((await json_of(request)).get("wanted"))
    session_of(request).segment_rest(wanted)
    return JSONResponse({})


async def better(request: Request) -> Response:
    """Find what improves results: effort normal or best; quick forgets that, and null stops the search."""
    effort = (await json_of(request)).get("effort")
    if effort not in (None, "quick", "normal", "best"):
        raise ValueError("effort is quick, normal, best or null")
    await run_in_threadpool(want_better, session_of(request), effort)
    return JSONResponse({})


async def labels(request: Request) -> Response:
    """Replace the labels."""
    given = checked_labels((await json_of(request)).get("labels"))
    await run_in_threadpool(set_labels, session_of(request), given)
    return JSONResponse({})


async def settings(request: Request) -> Response:
    """Replace the settings."""
    given = checked_settings((await json_of(request)).get("settings"))
    await run_in_threadpool(set_settings, session_of(request), given)
    return JSONResponse({})


async def export(request: Request) -> Response:
    """Begin to write all masks; the events say how far it is."""
    wish = await json_of(request)
    form = str(wish.get("format"))
    check_format(session_of(request), form)
    desk_of(request).export(form, bool(wish.get("drafts")))
    return JSONResponse({})


async def folders(request: Request) -> Response:
    """The folders in a folder of this computer."""
    return JSONResponse(await run_in_threadpool(places, request.query_params.get("path", "")))


async def open_folder(request: Request) -> Response:
    """Open another folder."""
    wish = await json_of(request)
    await run_in_threadpool(desk_of(request).open, Path(str(wish.get("path"))))
    return JSONResponse({})


def _told(desk: Desk, since: int) -> dict[str, Any]:
    """The session as JSON."""
    session, opened = desk.session, desk.opened
    if session is None:
        return {"opened": opened}
    with session.lock:  # so that all parts are of the same version
        return {"opened": opened, "sample": desk.sample, **told(session, desk.work, desk.exporting, since)}


async def _events(desk: Desk, request: Request) -> AsyncIterator[str]:
    opened, seen, looks = -1, -1, 0
    while not (request.app.state.ending() or await request.is_disconnected()):
        session = desk.session
        if (desk.opened, -1 if session is None else session.version) != (opened, seen) or looks == 0:
            found = await run_in_threadpool(_told, desk, seen if desk.opened == opened else -1)
            opened, seen = found["opened"], found.get("version", -1)
            yield f"data: {json.dumps(found)}\n\n"
        looks += 1
        if looks % PING_EVERY == 0:
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_EVERY)
