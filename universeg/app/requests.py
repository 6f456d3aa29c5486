"""What all answers read from a request. No torch here."""

import json
from typing import Any

from starlette.requests import Request

from universeg.app.desk import Desk
from universeg.app.session import Session


def desk_of(request: Request) -> Desk:
    """The open folder and its threads."""
    desk: Desk = request.app.state.desk
    return desk


def session_of(request: Request) -> Session:
    """The session of the open folder. Raises Conflict if none is open yet."""
    return desk_of(request).current


async def json_of(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises ValueError for another one."""
    try:
        body = json.loads(await request.body())
    except RecursionError as error:
        raise ValueError("the JSON is too deep") from error
    if not isinstance(body, dict):
        raise ValueError("expected a JSON object")
    return body
