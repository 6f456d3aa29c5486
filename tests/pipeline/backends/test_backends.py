"""Each backend downloads the right bytes from a local server, with its real client where that can be redirected."""

import hashlib
import importlib.util
import io
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import loopback
import pytest
import requests

from pipeline.backends import BACKENDS, http, manual_steps, page, tcia, zenodo
from pipeline.backends.base import FetchError
from pipeline.config import Config
from pipeline.fetch import fetch
from pipeline.fetch.fetch import NeedsPerson
from pipeline.fetch.receipt import write_receipt
from pipeline.manifest.schema import load_manifest
from pipeline.manifest.source_file import SourceFile
from pipeline.report.selection import select

DATA = bytes(range(256)) * 2000
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _clean_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait, and do not use the logins or the proxy of the machine they run on."""
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=lambda _: None))
    for name in ("KAGGLE_API_TOKEN", "SYNAPSE_AUTH_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path / "home"), "NO_PROXY": "*", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    with loopback.running() as server:
        yield server


def fetched(url: str, into: Path, **facts: Any) -> Any:
    """The bytes that a URL gives, and what the receipt says about them."""
    (got,) = fetch.fetch([SourceFile(file="a.zip", name="Toy", url=url, **facts)], into)
    write_receipt(into / "receipt.json", "Toy", [got])
    return (into / "Toy/a.zip").read_bytes(), got


def no_secret(text: str, folder: Path) -> None:
    assert "hush" not in text
    for path in folder.rglob("*"):
        assert path.is_dir() or b"hush" not in path.read_bytes(), path


# --- the table of backends


PAGES = {
    "http://h.org/a.zip": "http://h.org/a.zip",
    "https://h.org/a.zip?b=1": "https://h.org/a.zip?b=1",
    "s3://b-b/folder/k k": "https://b-b.s3.amazonaws.com/folder/k%20k",
    "zenodo:7/a b.zip": "https://zenodo.org/records/7/files/a%20b.zip",
    "gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU": "https://drive.google.com/file/d/19OWCXZGrimafREhXm8O8w2HBHZTfxEgU/view",
    "kaggle:owner/dataset/file.png": "https://www.kaggle.com/datasets/owner/dataset",
    "synapse:syn1.2": "https://repo-prod.prod.sagebase.org/repo/v1/entity/syn1",
    "tcia:Toy": "https://services.cancerimagingarchive.net/nbia-api/services/v1/getCollectionValues",
    "tcia:https://h.org/list.tcia": "https://h.org/list.tcia",
    f"git+https://h.org/r.git@{'0' * 40}": "https://h.org/r.git/info/refs?service=git-upload-pack",
}


def test_every_backend_has_a_page_that_tells_whether_the_file_exists():
    assert {url.partition(":")[0] for url in PAGES} == set(BACKENDS)
    assert {url: page(url) for url in PAGES} == PAGES


def test_a_client_is_installed_by_the_extra_that_the_message_names():
    extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
    clients = {backend.extra: backend.client for backend in BACKENDS.values() if backend.client}
    assert len(clients) == 4
    for extra, client in clients.items():
        assert [re.split("[<>=]", requirement)[0] for requirement in extras[str(extra)]] == [client]


def test_no_client_is_imported_before_it_is_needed():
    """A manifest imports the table, so every job of the workflow does."""
    libraries = {"requests", "urllib3", *(backend.client for backend in BACKENDS.values() if backend.client)}
    code = "import sys, pipeline.backends; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not libraries & set(done.stdout.split())


# --- Zenodo


@pytest.fixture
def record(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    monkeypatch.setattr(zenodo, "API", server.url("/api/records"))
    file = {"key": "a b.zip", "checksum": f"md5:{MD5}", "size": len(DATA), "links": {"self": server.url("/content")}}
    server.files["/api/records/7"] = json.dumps({"files": [file]}).encode()
    server.files["/content"] = DATA
    return server


def test_zenodo_downloads_the_file_and_resumes(record, tmp_path):
    record.faults["/content"] = [loopback.cut(1000), loopback.status(429, Retry_After="1")]
    content, got = fetched("zenodo:7/a b.zip", tmp_path)
    assert content == DATA
    assert (got.origin, got.place) == ("url", "zenodo:7/a b.zip")
    assert ("/content", "bytes=1000-", '"1"') in record.seen


def test_zenodo_s_digest_is_compared_with_the_file(record, tmp_path):
    record.files["/content"] = DATA[::-1]
    with pytest.raises(FetchError, match=f"md5.*{MD5}"):
        fetched("zenodo:7/a b.zip", tmp_path)
    assert not (tmp_path / "Toy/a.zip").exists()


def test_zenodo_without_the_record_or_the_file(record, tmp_path):
    with pytest.raises(FetchError, match=r"zenodo:7/c\.zip .*has no such file; its files: a b\.zip"):
        fetched("zenodo:7/c.zip", tmp_path)
    with pytest.raises(FetchError, match=r"zenodo:8/c\.zip .*404"):
        fetched("zenodo:8/c.zip", tmp_path)


# --- S3


@pytest.mark.parametrize("login", [False, True])
def test_s3_with_and_without_a_login(server, tmp_path, monkeypatch, capsys, login):
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url(""))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    if login:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAhush")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    server.files["/bucket/folder/a.zip"] = DATA
    server.faults["/bucket/folder/a.zip"] = [lambda handler: handler.serve(DATA, {"ETag": '"1"'}), loopback.cut(1000)]
    content, got = fetched("s3://bucket/folder/a.zip", tmp_path)
    assert content == DATA
    assert got.place == "s3://bucket/folder/a.zip"
    assert [asked for _, asked, _ in server.seen] == [None, None, "bytes=1000-"], "HEAD, cut, resumed"
    no_secret(capsys.readouterr().err, tmp_path)


def test_s3_reports_which_login_it_used(server, tmp_path, monkeypatch):
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url(""))
    with pytest.raises(FetchError, match=r"s3://bucket/gone -> .*404.*without a login.*correct `url`"):
        fetched("s3://bucket/gone", tmp_path)


def test_s3_with_settings_that_do_not_exist(tmp_path, monkeypatch):
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(FetchError, match=r"s3://bucket/key -> .*ProfileNotFound.*missing"):
        fetched("s3://bucket/key", tmp_path)


# --- Kaggle


@pytest.fixture
def kaggle(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    env = pytest.importorskip("kagglesdk.kaggle_env")
    monkeypatch.setitem(env._env_to_endpoint, env.KaggleEnv.PROD, server.url(""))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "hush-token")
    server.files["/signed"] = DATA
    return server


KAGGLE_API = "/v1/datasets.DatasetApiService/DownloadDataset"


def test_kaggle_downloads_from_the_signed_url(kaggle, tmp_path, capsys):
    signed = loopback.redirect(kaggle.url("/signed?X-Goog-Signature=hush"))
    kaggle.faults[KAGGLE_API] = [signed]
    kaggle.faults["/signed"] = [lambda handler: handler.serve(DATA, {"ETag": '"1"'}), loopback.cut(1000)]
    content, got = fetched("kaggle:owner/data-set", tmp_path)
    assert content == DATA
    assert got.place == "kaggle:owner/data-set"
    assert ("/signed", "bytes=1000-", '"1"') in kaggle.seen
    no_secret(capsys.readouterr().err, tmp_path)


def test_kaggle_refuses(kaggle, tmp_path):
    kaggle.faults[KAGGLE_API] = [loopback.status(403)]
    with pytest.raises(FetchError, match=r"403.*accept its terms.*\n  Or by hand: Ask Anna"):
        fetched("kaggle:owner/data-set/f.png", tmp_path, get="Ask Anna")


# --- Google Drive


@pytest.fixture
def drive(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    """The real client, whose requests to Google's hosts go to the local server."""
    pytest.importorskip("gdown")
    real = requests.Session.request

    def redirected(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        assert url.startswith("https://drive."), url
        return real(session, method, server.url("/" + url.partition("google.com/")[2]), **options)

    monkeypatch.setattr(requests.Session, "request", redirected)
    return server


LARGE = b"""<html><form id="download-form" action="https://drive.usercontent.google.com/download" method="get">
<input type="hidden" name="id" value="ID"><input type="hidden" name="confirm" value="t"></form></html>"""


def test_drive_passes_the_warning_page_of_large_files(drive, tmp_path):
    drive.files["/uc"], drive.files["/download"] = LARGE, DATA
    drive.headers["/uc"] = {"Content-Type": "text/html; charset=utf-8"}
    drive.headers["/download"] = {
        "Content-Type": "application/zip",
        "Content-Disposition": 'attachment; filename="x.zip"',
    }
    content, got = fetched("gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU", tmp_path, bytes=len(DATA))
    assert content == DATA
    assert got.place == "gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU"


def test_drive_reports_an_exceeded_quota_and_what_to_do(drive, tmp_path):
    drive.files["/uc"] = b'<html><p class="uc-error-subcaption">Too many users have viewed it</p></html>'
    drive.headers["/uc"] = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(FetchError, match=r"Too many users.*run again tomorrow, or open https://drive"):
        fetched("gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU", tmp_path)
    assert not (tmp_path / "Toy/a.zip").exists()


def test_drive_with_another_size_than_the_manifest_says(drive, tmp_path):
    drive.files["/uc"] = DATA
    drive.headers["/uc"] = {
        "Content-Type": "application/zip",
        "Content-Disposition": 'attachment; filename="x.zip"',
    }
    with pytest.raises(FetchError, match=rf"downloaded twice; the size is {len(DATA)} bytes, the manifest says 7;"):
        fetched("gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU", tmp_path, bytes=7)
    assert len(drive.seen) == 2
    assert not (tmp_path / "Toy/a.zip").exists()


# --- Synapse


@pytest.fixture
def synapse(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A replacement for the client: `asked` lists the calls, `refuse` and `path` set what it does."""
    state: dict[str, Any] = {"asked": [], "path": True}

    class SynapseError(Exception):
        pass

    class Synapse:
        def __init__(self, **options: Any) -> None:
            state["options"] = options

        def login(self, silent: bool) -> None:
            if "refuse" in state:
                raise SynapseError(state["refuse"])

        def get(self, entity: str, *, downloadLocation: str, **options: Any) -> Any:
            state["asked"].append((entity, options["version"]))
            path = Path(downloadLocation) / "RawData.zip"
            path.parent.mkdir()
            path.write_bytes(DATA)
            return SimpleNamespace(path=str(path) if state["path"] else None)

    exceptions = ModuleType("synapseclient.core.exceptions")
    core, client = ModuleType("synapseclient.core"), ModuleType("synapseclient")
    exceptions.SynapseError, core.exceptions, client.Synapse = SynapseError, exceptions, Synapse  # type: ignore[attr-defined]
    for module in (client, core, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("SYNAPSE_AUTH_TOKEN", "hush")
    return state


def test_synapse_downloads_the_given_version(synapse, tmp_path, capsys):
    content, got = fetched("synapse:syn3379050.2", tmp_path)
    assert content == DATA
    assert synapse["asked"] == [("syn3379050", 2)]
    assert got.place == "synapse:syn3379050.2"
    no_secret(capsys.readouterr().err, tmp_path)


def test_synapse_refuses(synapse, tmp_path):
    synapse["refuse"] = "bad token\nmore"
    with pytest.raises(FetchError, match=r"SynapseError: bad token; log in at https://www\.synapse\.org/Synapse:syn1"):
        fetched("synapse:syn1", tmp_path)
    del synapse["refuse"]
    synapse["path"] = False
    with pytest.raises(FetchError, match="accept the terms"):
        fetched("synapse:syn1", tmp_path / "2")


# --- TCIA

UIDS = ["1.2.840.113654.2.55.1", "1.2.840.113654.2.55.2"]


def series_zip(number: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for image in (1, 2):
            archive.writestr(f"1-0{image}.dcm", f"{number}{image}")
        archive.writestr("LICENSE", "x")
    return out.getvalue()


@pytest.fixture
def archive(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    monkeypatch.setattr(tcia, "API", server.url("/v1"))
    common = {"Collection": "Toy", "StudyInstanceUID": "1.1", "ImageCount": 2}
    facts = [{**common, "PatientID": f"P{n}", "SeriesInstanceUID": uid} for n, uid in enumerate(UIDS)]
    server.files["/v1/getSeries?Collection=Toy&format=json"] = json.dumps(facts).encode()
    for number, uid in enumerate(UIDS):
        server.files[f"/v1/getSeries?SeriesInstanceUID={uid}&format=json"] = json.dumps([facts[number]]).encode()
        server.files[f"/v1/getImage?NewFileNames=Yes&SeriesInstanceUID={uid}"] = series_zip(number)
    server.files["/list.tcia"] = ("x=1\nListOfSeriesToDownload=\n" + "\n".join(UIDS)).encode()
    return server


@pytest.mark.parametrize(("what", "patients"), [("Toy", "01"), (UIDS[1], "1"), ("LIST", "01")])
def test_tcia_packs_series_by_patient(archive, tmp_path, what, patients):
    content, _ = fetched(f"tcia:{what.replace('LIST', archive.url('/list.tcia'))}", tmp_path)
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == {
            f"Toy/P{n}/1.1/{UIDS[int(n)]}/1-0{image}.dcm": f"{n}{image}".encode() for n in patients for image in (1, 2)
        }
    again, _ = fetched(f"tcia:{what.replace('LIST', archive.url('/list.tcia'))}", tmp_path / "again")
    assert again == content, "packed again: the same bytes"


def test_tcia_downloads_only_the_series_that_are_missing(archive, tmp_path):
    last = f"/v1/getImage?NewFileNames=Yes&SeriesInstanceUID={UIDS[1]}"
    whole = archive.files[last]
    archive.files[last] = b"<html>"
    with pytest.raises(FetchError, match=f"{UIDS[1]}.*is damaged.*run again"):
        fetched("tcia:Toy", tmp_path)
    archive.files[last] = series_zip(1).replace(b"1-02.dcm", b"1-02.txt")
    with pytest.raises(FetchError, match="expected 2 images, got 1"):
        fetched("tcia:Toy", tmp_path)
    assert not (tmp_path / "Toy/a.zip").exists()
    archive.files[last] = whole
    archive.seen.clear()
    fetched("tcia:Toy", tmp_path)
    assert [path for path, _, _ in archive.seen if "getImage" in path] == [last]


def test_tcia_without_the_series(archive, tmp_path):
    archive.files["/v1/getSeries"] = b"[]"
    archive.files["/page"] = b"<html>"
    with pytest.raises(FetchError, match="no public series of this name"):
        fetched("tcia:Other", tmp_path)
    with pytest.raises(FetchError, match=r"no public series 1\.2\.3\.4\.5\.6\.7"):
        fetched("tcia:1.2.3.4.5.6.7", tmp_path)
    with pytest.raises(FetchError, match="is not a list of series"):
        fetched(f"tcia:{archive.url('/page')}", tmp_path)


# --- git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The first commit of a local repository, which git uses in place of https://example.org/r.git."""
    folder = tmp_path / "repository"
    settings = {
        f"url.{folder}.insteadOf": "https://example.org/r.git",
        "protocol.file.allow": "always",
        "user.name": "A",
        "user.email": "a@example.org",
    }
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (key, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    folder.mkdir()
    (folder / "a.txt").write_text("old")
    for words in ("init --quiet", "add .", "commit --quiet -m one"):
        subprocess.run(["git", "-C", str(folder), *words.split()], check=True)
    done = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    (folder / "a.txt").write_text("new")
    subprocess.run(["git", "-C", str(folder), "commit", "--quiet", "-a", "-m", "two"], check=True)
    return done.stdout.strip()


def test_git_packs_the_files_of_the_commit(repository, tmp_path):
    content, got = fetched(f"git+https://example.org/r.git@{repository}", tmp_path / "d")
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        assert packed.getnames() == ["a.txt"]
        assert packed.extractfile("a.txt").read() == b"old"
    again, _ = fetched(f"git+https://example.org/r.git@{repository}", tmp_path / "again")
    assert (again, got.origin) == (content, "url")


def test_git_without_the_commit_or_the_repository(repository, tmp_path):
    with pytest.raises(FetchError, match=r"git: .*correct `url`"):
        fetched(f"git+https://example.org/r.git@{'0' * 40}", tmp_path / "d")
    assert not (tmp_path / "d/Toy/a.zip").exists()
    with pytest.raises(FetchError) as error:
        fetched(f"git+https://anna:hush@127.0.0.1:1/r.git@{'0' * 40}", tmp_path / "e")
    assert "hush" not in str(error.value)


# --- missing requirements


def test_a_missing_client_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NeedsPerson, match=r"s3://bucket/key needs boto3: pip install '\.\[s3\]'"):
        fetched("s3://bucket/key", tmp_path)


def test_a_dataset_waits_for_a_missing_login_unless_there_is_a_mirror(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    gated = SourceFile(file="a.zip", url="kaggle:owner/set", get="Accept the rules of the competition first.")
    steps = manual_steps(gated.url, gated.get)
    assert str(steps).startswith("kaggle:owner/set needs a login: make an account")
    assert str(steps).endswith("Accept the rules of the competition first.")
    original = load_manifest(Path("dataset_manifests/WBC-CV.yaml"))
    manifests = {"WBC-CV": original.model_copy(update={"sources": (gated,)})}
    config = Config(root=tmp_path, datasets=("WBC-CV",))
    assert "Create New Token" in select(config, manifests).waiting["WBC-CV"]
    assert select(config.model_copy(update={"mirror": "https://m.org"}), manifests).build == ["WBC-CV"]
    (tmp_path / "home/.kaggle").mkdir(parents=True)
    (tmp_path / "home/.kaggle/kaggle.json").write_text("{}")
    assert manual_steps(gated.url, gated.get) is None
    assert select(config, manifests).build == ["WBC-CV"]


def test_git_must_be_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NeedsPerson, match=r"git\+https://h\.org/r@0{40} needs git: install it"):
        fetched(f"git+https://anna:hush@h.org/r@{'0' * 40}", tmp_path)
