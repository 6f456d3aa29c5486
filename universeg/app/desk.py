"""The open folder and its threads: what the server's answers are about. No torch here until a folder is open."""

import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from universeg.app.export import export
from universeg.app.folder import open_folder
from universeg.app.session import Conflict, Session
from universeg.app.state import Progress

if TYPE_CHECKING:
    from universeg.app.worker import Worker

LAST_WORDS = 5.0  # seconds for the present draft, when a folder is closed
OPENING = Progress("preparing the sample task")


class Desk:
    """One folder at a time. Without one, a sample task is made in a temporary folder."""

    def __init__(self, weights: Path, device: str) -> None:
        self.weights, self.device = weights, device
        self.session: Session | None = None
        self.worker: Worker | None = None
        self.exporting = Progress()
        self.opening = Progress()
        self.sample = False
        self.opened = 0  # how many folders were opened, so that the page sees that it is another one
        self._lock = threading.Lock()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def open(self, path: Path) -> Session:
        """Open a folder in place of the present one. Raises ImageError if it cannot be used."""
        session = Session(open_folder(path))
        with self._lock:
            self.close()
            self.session, self.exporting, self.opening, self.sample = session, Progress(), Progress(), False
            self.opened += 1
            self._start(session)
        return session

    def open_sample(self) -> None:
        """Make and open the sample task, in a thread of its own, since it loads the libraries of the network."""
        self.opening = OPENING
        threading.Thread(target=self._open_sample, name="sample", daemon=True).start()

    def export(self, form: str, with_drafts: bool) -> None:
        """Export in a thread of its own. Raises Conflict while another export runs."""
        session = self.current
        if self.exporting.doing:
            raise Conflict("an export is running")
        self.exporting = Progress("exporting")
        threading.Thread(target=self._export, args=(session, form, with_drafts), name="export", daemon=True).start()

    @property
    def current(self) -> Session:
        """Raises Conflict if no folder is open yet."""
        if self.session is None:
            raise Conflict("no folder is open yet")
        return self.session

    def close(self) -> None:
        """Stop the thread of the present folder; what is done is saved."""
        if self.worker is not None:
            self.worker.stop()
            self.worker.join(LAST_WORDS)
        if self.session is not None:
            with suppress(OSError):  # the folder may be gone
                self.session.save()
        self.session = self.worker = None

    def _start(self, session: Session) -> None:
        def start() -> None:
            from universeg.app.worker import Worker  # loads PyTorch, which takes seconds

            worker = Worker(session, self.weights, self.device)
            with self._lock:
                if self.session is not session:
                    return
                self.worker = worker
            worker.start()

        threading.Thread(target=start, name="start", daemon=True).start()

    def _open_sample(self) -> None:
        from universeg.app.sample import write_sample

        self._temporary = tempfile.TemporaryDirectory(prefix="universeg-", ignore_cleanup_errors=True)
        folder = Path(self._temporary.name) / "sample"
        try:
            write_sample(folder)
            if self.session is None:
                self.open(folder).segment_rest()
                self.sample = True
        except (ValueError, OSError) as error:
            self.opening = Progress(problem=str(error))

    def _export(self, session: Session, form: str, with_drafts: bool) -> None:
        def show(progress: Progress) -> None:
            self.exporting = progress
            session.touch()

        tell: Callable[[int, int], None] = lambda done, total: show(Progress("exporting", done, total))  # noqa: E731
        try:
            results = export(session, form, with_drafts, tell)
        except (ValueError, OSError) as error:
            show(Progress(problem=str(error)))
            return
        failed = [result.error for result in results if result.error]
        place = session.folder.own / "export"
        show(Progress(problem="\n".join(map(str, failed[:5])), result=f"{len(results) - len(failed)} masks in {place}"))
