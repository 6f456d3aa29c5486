"""`universeg-app`: a page in the browser to paint examples, correct drafts and export masks. No torch here."""

import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence

import tyro
from tyro.conf import FlagCreatePairsOff

from universeg.app.config import AppConfig
from universeg.app.security import Gate
from universeg.base.command import run_command
from universeg.prediction.report.result import NOTICE

TRIED = 20  # ports, from the wished one on
HELP = f"""Paint a few examples in the browser, and get the rest of the folder segmented.

The page is for this computer only: it is at 127.0.0.1, nothing is sent to another computer, and it works without a
network. Open a folder of images, paint the structure in three of them, and the page shows a draft for each other image:
accept it, correct it, or add it as an example. Then export all masks.

Examples:

universeg app

universeg app my-images

universeg app my-images --no-browser --port 9000

Everything that you paint is saved at once in the folder universeg-page inside your folder; open the folder again to
continue. Your images are never changed. End the program with Ctrl-C, or with "Quit" on the page.

Needs: pip install 'universeg[app]'

{NOTICE}"""


def main(args: Sequence[str] | None = None) -> None:
    """The command; exit status 1, with a message, if something could not be done."""
    run_command("universeg-app", _serve, args, interrupted="everything is saved; start it again to continue")


def _serve(args: Sequence[str]) -> None:
    config = tyro.cli(AppConfig, prog="universeg-app", description=HELP, args=args, config=(FlagCreatePairsOff,))
    try:
        import uvicorn

        from universeg.app.desk import Desk
        from universeg.app.server import make_server
    except ModuleNotFoundError as error:
        raise ValueError(f"this needs the extra app ({error.name} is missing): pip install 'universeg[app]'") from error
    desk = Desk(config.weights, config.device)
    if config.folder is None:
        desk.open_sample()
    else:
        desk.open(config.folder)
    listener = _listen(config.port)
    app = make_server(desk, lambda: setattr(server, "should_exit", True), lambda: server.should_exit)
    gate = Gate(app, listener.getsockname()[1])
    options = uvicorn.Config(gate, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(options)
    sys.stdout.write(f"universeg-app: the page is at\n\n    {gate.address}\n\nPress Ctrl-C to end it.\n")
    sys.stdout.flush()
    if config.browser:
        threading.Timer(0.2, webbrowser.open, [gate.address]).start()
    try:
        server.run([listener])
    finally:
        desk.close()


def _listen(port: int) -> socket.socket:
    """A socket on 127.0.0.1 alone, at the first free port from `port` on."""
    for number in range(port, min(port + TRIED, 65536)):
        listener = socket.socket()
        if sys.platform != "win32":  # there it would share the port with another program
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
            listener.listen()
        except OSError:
            listener.close()
            continue
        return listener
    raise OSError(f"no port from {port} to {port + TRIED - 1} is free; choose another one with --port")


if __name__ == "__main__":
    main()
