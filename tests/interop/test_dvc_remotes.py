"""DVC's remotes beyond a folder, as DVC's own configuration names them: S3 (moto), and HTTP to read from."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from runward.errors import InvalidError, NotFoundError, RunwardError, StoreError
from runward.interop import dvc
from runward.interop.dvcconfig import Repository, repository_of
from runward.interop.dvcremotes import FolderRemote, HttpRemote, open_remote
from runward.testing.objects import CREDENTIALS, ObjectStorage
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli
from tests.extras import needs
from tests.interop.test_dvc import CONTENTS, content, run_dvc

SECRET = "hunter2-secret"


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    found = open_folder(tmp_path / "ws", "owner")
    yield found
    found.close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that tracks a folder, as DVC leaves it; its cache is empty."""
    folder = tmp_path / "repository"
    (folder / ".dvc").mkdir(parents=True)
    return folder


def tree_in(folder: Path) -> Path:
    for name, data in CONTENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def configure(repository: Path, name: str, local: str = "", core: str = "", **options: str) -> None:
    lines = [*([f"[core]\n    remote = {core}"] if core else []), f"['remote \"{name}\"']"]
    lines += [f"    {key} = {value}" for key, value in options.items()]
    (repository / ".dvc" / "config").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if local:
        (repository / ".dvc" / "config.local").write_text(f"['remote \"{name}\"']\n{local}\n", encoding="utf-8")


cli = pytest.fixture(lambda folder, capsys: Cli(capsys))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "nobody"))
    return tmp_path


def s3_of(storage: ObjectStorage) -> tuple[str, str]:
    """(URL, endpoint) of a fresh place."""
    url, _, endpoint = storage.place().partition("?endpoint=")
    return url, endpoint


@pytest.mark.slow
def test_dvc_and_we_share_a_bucket(cli: Cli, folder: Path, object_storage: ObjectStorage) -> None:
    """What the real DVC pushed to S3 is imported; what we push there, the real DVC pulls and finds its own."""
    needs("dvc_s3", "dvc")
    url, endpoint = s3_of(object_storage)
    repository = folder / "repository"
    repository.mkdir()
    run_dvc(repository, "init", "--no-scm", "-q")
    run_dvc(repository, "remote", "add", "-q", "-d", "storage", url)
    run_dvc(repository, "remote", "modify", "-q", "storage", "endpointurl", endpoint)
    for key, variable in (("access_key_id", "AWS_ACCESS_KEY_ID"), ("secret_access_key", "AWS_SECRET_ACCESS_KEY")):
        run_dvc(repository, "remote", "modify", "-q", "--local", "storage", key, CREDENTIALS[variable])
    tree_in(repository / "d")
    run_dvc(repository, "add", "-q", "d")
    run_dvc(repository, "push", "-q")
    shutil.rmtree(repository / ".dvc" / "cache")
    shutil.rmtree(repository / "d")
    (version,) = cli.json("import", "dvc", str(repository), "-p", "p")["versions"]
    assert (version["dataset"], version["files"]) == ("p/d", len(CONTENTS))
    assert cli("data", "checkout", "p/d", str(folder / "work")).code == 0
    assert content(folder / "work") == CONTENTS
    (folder / "work" / "new.txt").write_bytes(b"new")
    assert cli("data", "add", str(folder / "work"), "-n", "d", "-p", "p").code == 0
    assert cli("data", "push", "p/d", "dvc:", "--file", str(repository / "d.dvc")).code == 0
    run_dvc(repository, "pull", "-q")
    assert content(repository / "d") == {**CONTENTS, "new.txt": b"new"}
    ours = yaml.safe_load((repository / "d.dvc").read_text())
    run_dvc(repository, "add", "-q", "d")
    assert yaml.safe_load((repository / "d.dvc").read_text()) == ours


@pytest.fixture
def bucket(folder: Path, object_storage: ObjectStorage) -> dict[str, str]:
    url, endpoint = s3_of(object_storage)
    return {"url": url, "endpointurl": endpoint}


def test_a_bucket_goes_out_and_comes_back(cli: Cli, folder: Path, repository: Path, bucket: dict[str, str]) -> None:
    """By the remote's name or by its URL; objects that DVC 2 wrote are found too."""
    configure(repository, "storage", **bucket)
    tree_in(folder / "d")
    assert cli("data", "add", "d", "-p", "p", "--no-tables").code == 0
    file = repository / "d.dvc"
    assert cli("data", "push", "p/d", "dvc:", "-r", "storage", "--file", str(file)).code == 0
    pulled = cli.json("data", "pull", str(file), "-r", "storage", "-p", "q")["versions"][0]
    place = f"dvc:{bucket['url']}?endpoint={bucket['endpointurl']}"
    again = cli.json("data", "pull", str(file), place, "-p", "r")["versions"][0]
    assert pulled["digest"] == again["digest"] == cli.json("data", "show", "p/d@latest")["digest"]
    assert cli.json("data", "push", "p/d", place)["md5"] == dvc.read_outs(file)[0].md5
    nobody = cli("data", "pull", str(file), "-p", "q")
    assert (nobody.code, "no default remote" in nobody.err) == (2, True)
    lost = cli("data", "pull", str(file), f"{place.replace('?', '/elsewhere?')}", "-p", "q")
    assert (lost.code, "has no object" in lost.err) == (2, True)


def test_keys_come_from_where_dvc_looks(
    folder: Path, repository: Path, bucket: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its local configuration, or a profile of AWS's tools; a profile without keys is named, and no key is shown."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    keys = {"access_key_id": "someone", "secret_access_key": SECRET}
    configure(repository, "s", "".join(f"    {key} = {value}\n" for key, value in keys.items()), "s", **bucket)
    remote = Repository(repository).remote()
    (folder / "file").write_bytes(b"1")
    remote.put(folder / "file", dvc.md5_of_bytes(b"1"))
    written = folder / "credentials"
    written.write_text(f"[team]\naws_access_key_id = someone\naws_secret_access_key = {SECRET}\n")
    configure(repository, "s", "    profile = team\n", "s", **bucket, credentialpath=str(written))
    Repository(repository).remote().fetch(dvc.md5_of_bytes(b"1"), folder / "back")
    assert (folder / "back").read_bytes() == b"1"
    configure(repository, "s", "    profile = other\n", "s", **bucket, credentialpath=str(written))
    with pytest.raises(InvalidError, match="'other' of the DVC remote has no keys") as refused:
        Repository(repository).remote()
    assert SECRET not in str(refused.value)
    for place in (f"s3://me:{SECRET}@bucket/x", f"s3://bucket/x?secret_access_key={SECRET}"):
        with pytest.raises(InvalidError, match="keys come from") as refused:
            open_remote(place)
        assert SECRET not in f"{refused.value} {refused.value.hint}"


class _Guarded(http.server.SimpleHTTPRequestHandler):
    """A folder behind a password."""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
        if self.headers["Authorization"] == wanted:
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "web").mkdir()
    handler = functools.partial(_Guarded, directory=str(tmp_path / "web"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_server_is_read(space: FolderWorkspace, repository: Path, tmp_path: Path, web: str) -> None:
    """With the password of the configuration, which no message shows; nothing is written there."""
    version = space.datasets.add(tree_in(tmp_path / "d"), "p").version
    out = dvc.push(space, version, FolderRemote(tmp_path / "web"))
    configure(repository, "site", f"    password = {SECRET}\n", "site", url=web, auth="basic", user="me")
    dvc.write_dvc(repository / "d.dvc", out)
    objects = repository_of(repository / "d.dvc").objects()
    assert dvc.pull(space, out, repository, objects, "q").version.digest == version.digest
    remote = Repository(repository).remote()
    with pytest.raises(InvalidError, match="only read"):
        dvc.push(space, version, remote)
    with pytest.raises(NotFoundError, match="no object"):
        remote.fetch("0" * 32, tmp_path / "none")
    refused: list[RunwardError] = []
    for place in (web, web.replace("//", f"//me:{SECRET}x@")):
        with pytest.raises(StoreError, match="401") as found:
            open_remote(place).fetch(out.md5, tmp_path / "none")
        refused.append(found.value)
    with pytest.raises(StoreError, match="does not answer") as found:
        HttpRemote(f"http://me:{SECRET}@127.0.0.1:9", {}).fetch(out.md5, tmp_path / "none")
    assert all(SECRET not in f"{error} {error.hint}" for error in [*refused, found.value])
    assert not (tmp_path / "none").exists()


def test_the_cache_is_asked_first(space: FolderWorkspace, repository: Path, tmp_path: Path) -> None:
    """Wherever it lies; the remote is a folder beside the configuration, or below another remote."""
    version = space.datasets.add(tree_in(tmp_path / "d"), "p").version
    out = dvc.push(space, version, FolderRemote(tmp_path / "store" / "below"))
    dvc.write_dvc(repository / "d.dvc", out)
    text = "[core]\n    remote = part\n[cache]\n    dir = ../own\n['remote \"base\"']\n    url = ../../store\n"
    (repository / ".dvc" / "config").write_text(text + "['remote \"part\"']\n    url = remote://base/below\n")
    found = repository_of(repository / "d.dvc")
    assert found.cache.folder.resolve() == (repository / "own").resolve()
    assert dvc.pull(space, out, repository, found.objects(), "q").version.digest == version.digest
    shutil.copytree(tmp_path / "store" / "below", repository / "own")
    shutil.rmtree(tmp_path / "store")
    assert dvc.pull(space, out, repository, repository_of(repository).objects(), "r").version.digest == version.digest
    with pytest.raises(NotFoundError, match="no remote 'x'") as missing:
        found.remote("x")
    assert missing.value.hint == "it has: base, part"


@pytest.mark.parametrize("url", [f"ssh://me:{SECRET}@host/x", "gs://bucket/x", "azure://container/x", "gdrive://id"])
def test_another_kind_says_the_way_out(repository: Path, url: str) -> None:
    configure(repository, "far", core="far", url=url)
    kind = url.partition(":")[0]
    with pytest.raises(InvalidError, match=f"remote 'far' of DVC is of kind '{kind}'") as refused:
        Repository(repository).remote()
    assert "dvc pull -r far" in refused.value.hint
    assert SECRET not in f"{refused.value} {refused.value.hint}"


def test_what_cannot_be_is_refused(repository: Path) -> None:
    configure(repository, "v", core="v", url="s3://bucket/x", version_aware="true")
    with pytest.raises(InvalidError, match="under their own names"):
        Repository(repository).remote()
    (repository / ".dvc" / "config").write_text(f"password = {SECRET}\n")
    with pytest.raises(InvalidError, match="no configuration of DVC") as refused:
        Repository(repository)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    with pytest.raises(NotFoundError, match="in no DVC repository"):
        repository_of(Path(os.sep))
