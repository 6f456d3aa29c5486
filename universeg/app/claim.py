"""Two programs must not write into the same folder: each would lose what the other one saved. No torch here."""

from contextlib import suppress

from filelock import BaseFileLock, FileLock, Timeout

from universeg.app.folder import Folder
from universeg.imageio.image import ImageError


def claim(folder: Folder) -> BaseFileLock:
    """A lock on the folder; keep it as long as the folder is open. The kernel releases it when the program ends.

    Raises ImageError if another program has the folder open, or if nothing can be written into it.
    """
    lock, where = FileLock(folder.own / "in-use.lock"), str(folder.path)
    try:
        folder.own.mkdir(exist_ok=True)
        with suppress(NotImplementedError):  # some network drives have no locks
            lock.acquire(timeout=0)
    except Timeout:
        remedy = "use that one, or end it with Ctrl-C or Quit"
        raise ImageError("is open in another universeg app", where, remedy) from None
    except OSError as error:
        remedy = "copy the images to a folder that you may write to, since the masks are kept beside them"
        raise ImageError(f"nothing can be written into it ({error.strerror})", where, remedy) from error
    return lock
