"""Every way brings the same bytes: from a server on loopback, through the real client where that can be led there."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import loopback
import pytest
import requests

from pipeline import backends as ways
from pipeline import config
from pipeline.backends import http as download
from pipeline.backends.source_url import FORMS
from pipeline.fetch import fetch
from pipeline.fetch.fetch import FetchError, NeedsPerson
from pipeline.fetch.receipt import write_receipt
from pipeline.manifest.schema import load_manifest
from pipeline.manifest.source_file import SourceFile

DATA = bytes(range(256)) * 2000
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _nobody_s_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting, no login of whoever runs the tests, no proxy."""
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=lambda _: None))
    for name in ("KAGGLE_API_TOKEN", "SYNAPSE_AUTH_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path / "home"), "NO_PROXY": "*", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server() -> Iterator[loopback.Server]:
    with loopback.running() as server:
        yield server


def fetched(url: str, into: Path, **facts: Any) -> Any:
    """The file that an address gives, and its receipt."""
    (got,) = fetch.fetch([SourceFile(file="a.zip", name="Toy", url=url, **facts)], into)
    write_receipt(into / "receipt.json", "Toy", [got])
    return (into / "Toy/a.zip").read_bytes(), got


def no_secret(text: str, folder: Path) -> None:
    assert "hush" not in text
    for path in folder.rglob("*"):
        assert path.is_dir() or b"hush" not in path.read_bytes(), path


def test_there_is_a_way_for_every_form():
    assert set(ways.WAYS) == set(FORMS)


# --- Zenodo


@pytest.fixture
def record(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    monkeypatch.setattr(import_module("pipeline.backends.web"), "ZENODO", server.url("/api/records"))
    file = {"key": "a b.zip", "checksum": f"md5:{MD5}", "size": len(DATA), "links": {"self": server.url("/content")}}
    server.files["/api/records/7"] = json.dumps({"files": [file]}).encode()
    server.files["/content"] = DATA
    return server


def test_zenodo_gives_the_file_and_its_digest(record, tmp_path):
    record.faults["/content"] = [loopback.cut(1000), loopback.status(429, Retry_After="1")]
    content, got = fetched("zenodo:7/a b.zip", tmp_path)
    assert content == DATA
    assert (got.origin, got.place) == ("url", "zenodo:7/a b.zip")
    assert ("/content", "bytes=1000-", '"1"') in record.seen


def test_zenodo_s_digest_is_held_against_what_comes(record, tmp_path):
    record.files["/content"] = DATA[::-1]
    with pytest.raises(FetchError, match=f"md5.*{MD5}"):
        fetched("zenodo:7/a b.zip", tmp_path)
    assert not (tmp_path / "Toy/a.zip").exists()


def test_zenodo_without_such_a_record_or_file(record, tmp_path):
    with pytest.raises(FetchError, match=r"zenodo:7/c\.zip .*has no such file, but a b\.zip"):
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


def test_s3_says_who_asked(server, tmp_path, monkeypatch):
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url(""))
    with pytest.raises(FetchError, match=r"s3://bucket/gone -> .*404.*without a login.*correct `url`"):
        fetched("s3://bucket/gone", tmp_path)


# --- Kaggle


@pytest.fixture
def kaggle(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    env = pytest.importorskip("kagglesdk.kaggle_env")
    monkeypatch.setitem(env._env_to_endpoint, env.KaggleEnv.PROD, server.url(""))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "hush-token")
    server.files["/signed"] = DATA
    return server


ASKED = "/v1/datasets.DatasetApiService/DownloadDataset"


def test_kaggle_s_answer_leads_to_the_file(kaggle, tmp_path, capsys):
    signed = loopback.redirect(kaggle.url("/signed?X-Goog-Signature=hush"))
    kaggle.faults[ASKED] = [signed]
    kaggle.faults["/signed"] = [lambda handler: handler.serve(DATA, {"ETag": '"1"'}), loopback.cut(1000)]
    content, got = fetched("kaggle:owner/data-set", tmp_path)
    assert content == DATA
    assert got.place == "kaggle:owner/data-set"
    assert ("/signed", "bytes=1000-", '"1"') in kaggle.seen
    no_secret(capsys.readouterr().err, tmp_path)


def test_kaggle_refuses(kaggle, tmp_path):
    kaggle.faults[ASKED] = [loopback.status(403)]
    with pytest.raises(FetchError, match=r"403.*accept its terms.*\n  Or by hand: Ask Anna"):
        fetched("kaggle:owner/data-set/f.png", tmp_path, get="Ask Anna")


# --- Google Drive


@pytest.fixture
def drive(server: loopback.Server, monkeypatch: pytest.MonkeyPatch) -> loopback.Server:
    """Google's hosts are the server's: the client itself is the real one."""
    pytest.importorskip("gdown")
    real = requests.Session.request

    def led(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        assert url.startswith("https://drive."), url
        return real(session, method, server.url("/" + url.partition("google.com/")[2]), **options)

    monkeypatch.setattr(requests.Session, "request", led)
    return server


LARGE = b"""<html><form id="download-form" action="https://drive.usercontent.google.com/download" method="get">
<input type="hidden" name="id" value="ID"><input type="hidden" name="confirm" value="t"></form></html>"""


def test_drive_passes_the_page_about_large_files(drive, tmp_path):
    drive.files["/uc"], drive.files["/download"] = LARGE, DATA
    drive.headers["/uc"] = {"Content-Type": "text/html; charset=utf-8"}
    drive.headers["/download"] = {
        "Content-Type": "application/zip",
        "Content-Disposition": 'attachment; filename="x.zip"',
    }
    content, got = fetched("gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU", tmp_path, bytes=len(DATA))
    assert content == DATA
    assert got.place == "gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU"


def test_drive_over_its_quota_says_what_to_do(drive, tmp_path):
    drive.files["/uc"] = b'<html><p class="uc-error-subcaption">Too many users have viewed it</p></html>'
    drive.headers["/uc"] = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(FetchError, match=r"Too many users.*run again tomorrow, or open https://drive"):
        fetched("gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU", tmp_path)
    assert not (tmp_path / "Toy/a.zip").exists()


# --- Synapse


@pytest.fixture
def synapse(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A stand-in for the client: what it was asked, and what it will do."""
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
    monkeypatch.setattr(ways.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("SYNAPSE_AUTH_TOKEN", "hush")
    return state


def test_synapse_gives_a_file_of_a_version(synapse, tmp_path, capsys):
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
    monkeypatch.setattr(import_module("pipeline.backends.tcia"), "API", server.url("/v1"))
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
    assert again == content, "packed anew, the same bytes"


def test_tcia_goes_on_from_the_series_it_has(archive, tmp_path):
    last = f"/v1/getImage?NewFileNames=Yes&SeriesInstanceUID={UIDS[1]}"
    whole = archive.files[last]
    archive.files[last] = b"<html>"
    with pytest.raises(FetchError, match=f"{UIDS[1]}.*damaged.*run again"):
        fetched("tcia:Toy", tmp_path)
    archive.files[last] = series_zip(1).replace(b"1-02.dcm", b"1-02.txt")
    with pytest.raises(FetchError, match="expected 2 images, got 1"):
        fetched("tcia:Toy", tmp_path)
    assert not (tmp_path / "Toy/a.zip").exists()
    archive.files[last] = whole
    archive.seen.clear()
    fetched("tcia:Toy", tmp_path)
    assert [path for path, _, _ in archive.seen if "getImage" in path] == [last]


def test_tcia_without_such_series(archive, tmp_path):
    archive.files["/v1/getSeries"] = b"[]"
    archive.files["/page"] = b"<html>"
    with pytest.raises(FetchError, match="no public series of this name"):
        fetched("tcia:Other", tmp_path)
    with pytest.raises(FetchError, match=r"no public series 1\.2\.3\.4\.5\.6\.7"):
        fetched("tcia:1.2.3.4.5.6.7", tmp_path)
    with pytest.raises(FetchError, match="is no list of series"):
        fetched(f"tcia:{archive.url('/page')}", tmp_path)


# --- git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commit of a repository that https://example.org/r.git leads to."""
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


def test_git_gives_the_files_at_the_commit(repository, tmp_path):
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


# --- what must be there first


def test_a_missing_client_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(ways.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NeedsPerson, match=r"s3://bucket/key needs boto3: pip install '\.\[s3\]'"):
        fetched("s3://bucket/key", tmp_path)


def test_a_missing_login_waits_with_what_to_do_and_a_mirror_needs_none(tmp_path, monkeypatch):
    monkeypatch.setattr(ways.importlib.util, "find_spec", lambda name: name)
    gated = SourceFile(file="a.zip", url="kaggle:owner/set", get="Accept the rules of the competition first.")
    assert "Create New Token" in str(ways.manual_steps(gated))
    assert "Accept the rules" in str(ways.manual_steps(gated))
    original = load_manifest(Path("dataset_manifests/WBC-CV.yaml"))
    manifests = {"WBC-CV": original.model_copy(update={"sources": (gated,)})}
    settings = config.Config(root=tmp_path, datasets=("WBC-CV",))
    assert "Create New Token" in config.plan(settings, manifests).waiting["WBC-CV"]
    assert config.plan(settings.model_copy(update={"mirror": "https://m.org"}), manifests).build == ["WBC-CV"]
    (tmp_path / "home/.kaggle").mkdir(parents=True)
    (tmp_path / "home/.kaggle/kaggle.json").write_text("{}")
    assert ways.manual_steps(gated) is None
    assert config.plan(settings, manifests).build == ["WBC-CV"]
