"""The open folder and its threads: what the server's answers are about. No torch here until a folder is open."""

import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import BaseFileLock

from universeg.app.claim import claim
from universeg.app.export import export
from universeg.app.folder import open_folder
from universeg.app.masks_of_folder import import_masks
from universeg.app.session import Conflict, Session
from universeg.app.state import Progress

if TYPE_CHECKING:
    from universeg.app.worker import Worker

LAST_WORDS = 5.0  # seconds for the present draft, when a folder is closed
READING, LOADING = "reading the masks of the folder", Progress("loading the network")
SAMPLE = Path(__file__).parent / "sample"
"""Ten synthetic pictures that look like X-rays, four with masks; `universeg.synth` made them: seed 7, episode 9, family
projection, 256 pixels."""


class Desk:
    """One folder at a time. Without one, the sample task is copied to a temporary folder."""

    def __init__(self, weights: Path, device: str) -> None:
        self.weights, self.device = weights, device
        self.session: Session | None = None
        self.worker: Worker | None = None
        self.exporting = Progress()
        self.starting = LOADING  # what is done until there is a worker
        self.sample = False
        self.opened = 0  # how many folders were opened, so that the page sees that it is another one
        self._lock = threading.Lock()
        self._claim: BaseFileLock | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def open(self, path: Path) -> Session:
        """Open a folder in place of the present one. Raises ImageError if it cannot be used."""
        folder = open_folder(path)
        with self._lock:
            if self.session is not None and self.session.folder.path == folder.path:
                self.close()
            lock = claim(folder)
            try:
                session = Session(folder)
            except (ValueError, OSError):
                lock.release()
                raise
            self.close()
            self.session, self.exporting, self.sample = session, Progress(), False
            self._claim = lock
            self.opened += 1
            self._start(session)
        return session

    def open_sample(self) -> None:
        """Open a copy of the sample task, which is deleted when it is closed."""
        temporary = tempfile.TemporaryDirectory(prefix="universeg-", ignore_cleanup_errors=True)
        folder = Path(temporary.name) / "sample"
        shutil.copytree(SAMPLE, folder)
        self.open(folder).segment_rest()
        self.sample, self._temporary = True, temporary

    def export(self, form: str, with_drafts: bool) -> None:
        """Export in a thread of its own. Raises Conflict while another export runs."""
        session = self.current
        if self.exporting.doing:
            raise Conflict("an export is running")
        self.exporting = Progress("exporting")
        threading.Thread(target=self._export, args=(session, form, with_drafts), name="export", daemon=True).start()

    @property
    def work(self) -> Progress:
        """What is being computed."""
        return self.starting if self.worker is None else self.worker.work

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
        if self._claim is not None:
            self._claim.release()
        if self._temporary is not None:
            self._temporary.cleanup()
        self.session = self.worker = self._claim = self._temporary = None

    def _start(self, session: Session) -> None:
        self.starting = LOADING
        threading.Thread(target=self._prepare, args=(session,), name="start", daemon=True).start()

    def _prepare(self, session: Session) -> None:
        """Read the masks of the folder, then load PyTorch, which takes seconds, and start the thread for drafts."""
        try:
            if not session.imported:
                import_masks(session, lambda done, total: self._tell_start(session, Progress(READING, done, total)))
        except (ValueError, OSError, MemoryError) as error:
            self._tell_start(session, Progress(problem=str(error) or type(error).__name__))
            return
        self._tell_start(session, LOADING)
        from universeg.app.worker import Worker

        worker = Worker(session, self.weights, self.device)
        with self._lock:
            if self.session is not session:
                return
            self.worker = worker
        worker.start()

    def _tell_start(self, session: Session, progress: Progress) -> None:
        if self.session is session:
            self.starting = progress
            session.touch()

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
        written, without = len(results) - len(failed), len(session.folder.files) - len(results)
        told = f"{written} {'mask' if written == 1 else 'masks'} in {place}"
        if without:
            told += f"; {without} {'image has' if without == 1 else 'images have'} no mask"
        show(Progress(problem="\n".join(map(str, failed[:5])), result=told))
