"""A folder of pictures, the server on it, and a browser that was opened with the token."""

import gzip

import numpy as np
import pytest
from page_folders import write_pictures
from starlette.testclient import TestClient

from universeg.app.desk import Desk
from universeg.app.security import Gate
from universeg.app.server import make_server

PORT, TOKEN = 8642, "secret"
ORIGIN = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def folder(tmp_path):
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def desk(folder, monkeypatch):
    """A desk with an open folder, without its thread."""
    monkeypatch.setattr(Desk, "_start", lambda self, session: None)
    found = Desk("unused", "cpu")
    found.open(folder)
    yield found
    found.close()


@pytest.fixture
def client(desk):
    """A browser that was opened with the token."""
    gate = Gate(make_server(desk, lambda: None), PORT, TOKEN)
    with TestClient(gate, base_url=ORIGIN, headers={"origin": ORIGIN}, raise_server_exceptions=True) as found:
        assert found.get(f"/?token={TOKEN}").status_code == 200
        yield found


@pytest.fixture
def put_mask(client):
    """Send a mask as the page does; the status and the answer."""

    def put(key, values, revision=0, row=0, body=None):
        data = gzip.compress(np.ascontiguousarray(values, np.uint8).tobytes()) if body is None else body
        headers = {"x-revision": str(revision)}
        return client.put(f"/api/images/{key}/slices/{row}/mask", content=data, headers=headers)

    return put
