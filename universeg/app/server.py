"""The page's server: which address is answered by what, and how mistakes are told. No torch here.

Images are named by their keys in the list, so that a request cannot name a file. `security.Gate` stands before it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from universeg.app import folder_answers, image_answers
from universeg.app.desk import Desk
from universeg.app.security import TooLarge
from universeg.app.session import Conflict

PAGE = Path(__file__).parent / "page"
SLICE = "/api/images/{key}/slices/{row:int}"


def make_server(desk: Desk, stop: Callable[[], None], ending: Callable[[], bool] = lambda: False) -> Starlette:
    """The application; `stop` ends the program, and `ending` says whether it is about to end."""

    async def page(request: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-store"})

    async def quit_program(request: Request) -> Response:
        stop()
        return JSONResponse({})

    routes = [
        Route("/", page),
        Route("/api/quit", quit_program, methods=["POST"]),
        Route("/api/session", folder_answers.session),
        Route("/api/events", folder_answers.events),
        Route("/api/focus", folder_answers.focus, methods=["POST"]),
        Route("/api/rest", folder_answers.rest, methods=["POST"]),
        Route("/api/better", folder_answers.better, methods=["POST"]),
        Route("/api/labels", folder_answers.labels, methods=["PUT"]),
        Route("/api/settings", folder_answers.settings, methods=["PUT"]),
        Route("/api/export", folder_answers.export, methods=["POST"]),
        Route("/api/folders", folder_answers.folders),
        Route("/api/folder", folder_answers.open_folder, methods=["POST"]),
        Route("/api/images/{key}", image_answers.image),
        Route("/api/images/{key}/accept", image_answers.accept, methods=["POST"]),
        Route("/api/images/{key}/thumbnail", image_answers.small),
        Route(f"{SLICE}/pixels", image_answers.pixels),
        Route(f"{SLICE}/across", image_answers.across),
        Route(f"{SLICE}/mask", image_answers.mask, methods=["GET"]),
        Route(f"{SLICE}/mask", image_answers.save_mask, methods=["PUT"]),
        Route(f"{SLICE}/mask", image_answers.clear, methods=["DELETE"]),
        Route(f"{SLICE}/mark", image_answers.mark, methods=["POST"]),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]
    server = Starlette(routes=routes, exception_handlers=PROBLEMS)
    server.state.desk, server.state.ending = desk, ending
    return server


def _problem(status: int) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        return PlainTextResponse(str(error) or type(error).__name__, status)

    return answer


def _unknown(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"there is no image {error} in this folder", 404)


# The most particular kind of an error decides.
PROBLEMS: Any = {
    TooLarge: _problem(413),
    Conflict: _problem(409),
    KeyError: _unknown,
    ValueError: _problem(422),
    OSError: _problem(422),
    MemoryError: _problem(422),
}
