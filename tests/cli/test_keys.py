"""``runward keys``: a workspace becomes encrypted, its keys change, and without them nothing is read."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from pathlib import Path

import pytest

import runward as run
from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import CorruptedError, KeyMissingError
from runward.governance.model import NewToken
from runward.governance.signin import folder_actor
from runward.server.run import LOOPBACK, RunningServer, listen, open_store
from runward.store.folder import FolderBlobs
from runward.store.sealed import SealedBlobs
from runward.testing.objects import ObjectStorage
from runward.tracking import garbage
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace, open_folder, open_url
from tests.cli.conftest import Cli
from tests.cli.test_push import full

__all__ = ["full"]

WORDS = b"words that nobody else would write: 7f3a9c "
SMALL, LARGE = WORDS * 3, WORDS * 40_000


def _put(space: FolderWorkspace, project: str = "p") -> str:
    """A run with a small and a large artifact; its id."""
    space.tracking.create_project(NewProject(path=project, exist_ok=True))
    made = space.tracking.create_run(NewRun(project=project))
    for name, data in (("small", SMALL), ("large", LARGE)):
        digest = space.files.put_bytes(project, data)
        space.tracking.add_artifact(made.id, NewArtifact(name, digest))
    space.files.put_files(project, {digest_bytes(SMALL + b"!"): SMALL + b"!"})
    return made.id


def _reads(space: FolderWorkspace, run_id: str) -> bool:
    return [b"".join(space.files.artifact(run_id, name)) for name in ("small", "large")] == [SMALL, LARGE]


def _found(folder: Path, words: bytes = WORDS) -> list[Path]:
    """The files that hold known words; all bytes of the folder are searched."""
    return [path for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_a_new_workspace_is_encrypted_from_the_first_byte(cli: Cli, folder: Path) -> None:
    said = cli("keys", "init")
    assert (said.code, "Keep a copy" in said.out) == (0, True)
    with contextlib.closing(open_folder(folder)) as space:
        run_id = _put(space)
        assert _reads(space, run_id)
    assert _found(folder) == []
    with contextlib.closing(open_folder(folder)) as space:
        assert _reads(space, run_id)
    assert cli("doctor", "--deep", "--drift").code == 0
    (folder / "keys" / "root.key").unlink()
    with contextlib.closing(open_folder(folder)) as space, pytest.raises(KeyMissingError, match="is missing"):
        _reads(space, run_id)
    with contextlib.closing(open_folder(folder)) as space:
        assert "is missing" in space.governance.list_keys().problem
    told = cli("keys", "status")
    assert (told.code, "✗" in told.out, str(folder / "keys" / "root.key") in told.out) == (1, True, True)
    told = cli("doctor")
    assert (told.code, "✗ keys: the root key" in told.out, "put it back" in told.out) == (1, True, True)


def test_what_is_captured_is_encrypted_too(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """A recorded run with its code, output and files, in a folder's workspace."""
    cli("keys", "init")
    code = tmp_path / "code"
    code.mkdir()
    (code / "train.py").write_text(f"print('x')  # {WORDS.decode()}\nopen('data.csv').read()\n")
    (code / "data.csv").write_bytes(WORDS * 10)
    assert cli("run", "--project", "p", "--", "python", str(code / "train.py")).code in (0, 1)
    with run.start(project="p") as active:
        (tmp_path / "model.bin").write_bytes(LARGE)
        run.log_artifact(tmp_path / "model.bin")
    with contextlib.closing(open_folder(folder)) as space:
        assert b"".join(space.files.artifact(active.id, "model.bin")) == LARGE
        assert space.files.capture(active.id, "environment")
        store = space.dispatcher.blobs
        assert isinstance(store, SealedBlobs)
        assert list(store.plain.stored()) == []
        assert list(store.sealed.stored())
    assert _found(folder / "blobs") == []


def test_what_was_there_before_is_encrypted_and_removed(cli: Cli, folder: Path) -> None:
    with contextlib.closing(open_folder(folder)) as space:
        first = _put(space)
        space.files.put_bytes("p", b"")
        loose = space.dispatcher.blobs.put_bytes(b"nobody's")
    assert len(_found(folder)) == 3
    assert cli("keys", "seal").code == 2
    cli("keys", "init")
    with contextlib.closing(open_folder(folder)) as space:
        assert _reads(space, first)
        second = _put(space, "q")
    assert cli.json("keys", "status")["unencrypted_files"] == 5
    done = cli.json("keys", "seal")
    assert (done["files"], done["loose"], done["failed"]) == (4, 1, [])
    assert _found(folder) == []
    assert cli.json("keys", "seal")["files"] == 0
    with contextlib.closing(open_folder(folder)) as space:
        assert _reads(space, first)
        assert _reads(space, second)
        assert space.dispatcher.blobs.read(loose) == b"nobody's"
    assert cli("doctor", "--deep", "--drift").code == 0
    operations = [event["operation"] for event in cli.json("audit", "query", "--operation", "keys.")]
    assert operations == ["keys.seal", "keys.seal", "keys.init"]


def test_an_interrupted_sealing_goes_on(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between any two steps, nothing is lost, and the next one ends it."""
    with contextlib.closing(open_folder(folder)) as space:
        run_id = _put(space)
    cli("keys", "init")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FolderBlobs, "remove", killed)
        assert cli("keys", "seal").code == 130
    with contextlib.closing(open_folder(folder)) as space:
        assert _reads(space, run_id)
    assert cli.json("keys", "seal")["files"] == 3
    with contextlib.closing(open_folder(folder)) as space:
        assert _reads(space, run_id)
    assert _found(folder) == []


def test_bytes_that_changed_before_are_not_sealed_as_if_they_had_not(cli: Cli, folder: Path) -> None:
    with contextlib.closing(open_folder(folder)) as space:
        run_id = _put(space)
        blobs = space.dispatcher.blobs
        assert isinstance(blobs, FolderBlobs)
        path = blobs.path_of(digest_bytes(LARGE))
        path.chmod(0o644)
        path.write_bytes(b"X" + LARGE[1:])
    cli("keys", "init")
    said = cli("keys", "seal")
    assert (said.code, digest_bytes(LARGE) in said.out, path.exists()) == (1, True, True)
    with contextlib.closing(open_folder(folder)) as space, pytest.raises(CorruptedError):
        space.files.read(run_id, digest_bytes(LARGE))


def test_keys_are_replaced(cli: Cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes and times of the files stay as they are, and everything is still read."""
    cli("keys", "init")
    with contextlib.closing(open_folder(folder)) as space:
        run_id = _put(space)
    team = cli.json("keys", "status")["teams"][0]["team"]
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (folder / "blobs").rglob("*") if p.is_file()}
    old = cli.json("keys", "status")["root_key"]
    assert cli.json("keys", "rotate", "--root", "--team", team)["root_key"] != old
    told = cli.json("keys", "rotate", "--root", "--to-file", str(tmp_path / "apart" / "root.key"))
    assert told["teams"][0]["version"] == 2
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in (folder / "blobs").rglob("*") if p.is_file()} == before
    for wrong, said in (
        (("rotate",), "neither"),
        (("rotate", "--team", "nobody"), "no team 'nobody'"),
        (("rotate", "--team", team, "--to-variable", "X"), "add --root"),
        (("rotate", "--root", "--to-variable", "X", "--to-command", "y"), "several places"),
    ):
        answer = cli("keys", *wrong)
        assert (answer.code, said in answer.err) == (2, True), answer
    (folder / "keys" / "root.key").unlink()
    monkeypatch.setenv("RUNWARD_ROOT_KEY_FILE", str(tmp_path / "apart" / "root.key"))
    with contextlib.closing(open_folder(folder)) as space:
        assert _reads(space, run_id)
    answer = cli("keys", "rotate", "--root", "--to-variable", "X")
    assert (answer.code, "X is not set" in answer.err) == (3, True)


def test_lost_people_keys_are_given_up(cli: Cli, folder: Path) -> None:
    with contextlib.closing(open_folder(folder)) as space:
        ring = space.dispatcher.keyring
        sealed = ring.seal("person", "ann", b"x")
        ring.seal("person", "ben", b"y")
        ring.destroy_person("ben")
    shutil.rmtree(folder / "keys" / "people")
    with contextlib.closing(open_folder(folder)) as space, pytest.raises(KeyMissingError):
        space.dispatcher.keyring.seal("person", "ann", b"x")
    assert cli.json("keys", "renew-people") == {"lost": 1}
    with contextlib.closing(open_folder(folder)) as space:
        ring = space.dispatcher.keyring
        assert ring.open_("person", "ann", ring.seal("person", "ann", b"new")) == b"new"
        with pytest.raises(KeyMissingError):
            ring.open_("person", "ann", sealed)


def test_every_flipped_bit_is_named(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """100 bits, each in a file of its own or in the file of the small ones, with and without encryption."""
    chance = random.Random(1)
    with contextlib.closing(open_folder(folder)) as space:
        space.tracking.create_project(NewProject(path="p"))
        for n in range(50):
            space.files.put_bytes("p", chance.randbytes(20_000 + n))
    cli("keys", "init")
    with contextlib.closing(open_folder(folder)) as space:
        for n in range(50):
            space.files.put_bytes("p", chance.randbytes(20_000 + n))
    files = [path for path in (folder / "blobs").rglob("*") if path.is_file() and path.suffix == ""]
    assert len(files) == 100
    for path in files:
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.chmod(0o644)
        path.write_bytes(data)
    with contextlib.closing(open_folder(folder)) as space:
        said = list(space.dispatcher.blobs.problems())
    assert sum(any(path.parent.name + path.name in one for one in said) for path in files) == 100
    answer = cli("doctor", "--deep", "--drift")
    assert (answer.code, "and 80 more" in answer.out) == (1, True)


def test_an_encrypted_workspace_is_backed_up_without_what_opens_it(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """Ciphertext only; restored elsewhere it is read once the root key is there, and changed bytes are found without it."""
    with contextlib.closing(open_folder(folder)) as space:
        before = _put(space, "before")
    cli("keys", "init")
    cli("keys", "seal")
    with contextlib.closing(open_folder(folder)) as space:
        run_id = _put(space)
    place, back = tmp_path / "backup", tmp_path / "back"
    said = cli("backup", str(place))
    assert (said.code, "What opens them is not in it" in said.out) == (0, True)
    assert cli("backup", str(place)).code == 0
    root = (folder / "keys" / "root.key").read_bytes()
    assert _found(place) == _found(place, root.strip()) == []
    shutil.move(folder, tmp_path / "gone")
    assert "encrypted" in cli("restore", str(place), "--check").out
    assert "put the root key back" in cli("restore", str(place), "--dir", str(back)).out
    with contextlib.closing(open_folder(back)) as space, pytest.raises(KeyMissingError, match=r"root\.key"):
        _reads(space, run_id)
    (back / "keys" / "root.key").write_bytes(root)
    (back / "keys" / "root.key").chmod(0o600)
    with contextlib.closing(open_folder(back)) as space:
        assert _reads(space, run_id)
        assert _reads(space, before)
    sealed = next(path for path in (place / "blobs" / "sealed").rglob("*") if path.stat().st_size > 1_000_000)
    data = bytearray(sealed.read_bytes())
    data[-1] ^= 1
    sealed.chmod(0o644)
    sealed.write_bytes(data)
    answer = cli("restore", str(place), "--check")
    assert (answer.code, sealed.name in answer.out) == (1, True)
    assert cli("restore", str(place), "--dir", str(tmp_path / "third")).code != 0


def test_garbage_is_collected_where_names_are_no_digests(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All unique bytes of a deleted run go, and nothing else."""
    cli("keys", "init")
    with contextlib.closing(open_folder(folder)) as space:
        kept = _put(space, "kept")
        space.tracking.create_project(NewProject(path="gone"))
        made = space.tracking.create_run(NewRun(project="gone"))
        data = os.urandom(300_000)
        space.tracking.add_artifact(made.id, NewArtifact("unique", space.files.put_bytes("gone", data)))
        store = space.dispatcher.blobs
        before = sum(size for _, size, _ in store.stored())
        space.tracking.delete_run(made.id)
    monkeypatch.setattr(garbage, "YOUNG_US", -1_000_000_000)
    freed = cli.json("gc", "--grace", "0")
    with contextlib.closing(open_folder(folder)) as space:
        after = sum(size for _, size, _ in space.dispatcher.blobs.stored())
        assert _reads(space, kept)
        assert not space.dispatcher.blobs.has(digest_bytes(data))
    assert freed["bytes"] >= 300_000
    assert before - after >= 300_000


def test_tables_are_not_written(cli: Cli, folder: Path) -> None:
    cli("keys", "init")
    answer = cli("tables")
    assert (answer.code, "encrypted" in answer.err) == (2, True)


@pytest.mark.slow
def test_a_server_with_object_storage_keeps_nothing_in_clear(
    cli: Cli, postgres_url: str, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    """PostgreSQL and S3: uploads and downloads go through the server, and the bucket holds ciphertext only."""
    place, folder = object_storage.place(), tmp_path / "server"
    options = ("--dir", str(folder), "--database", postgres_url, "--blobs", place)
    before = open_store(folder, postgres_url, place)
    with contextlib.closing(before.database):
        owner = cli.json("member", "list", "--database", postgres_url)
        assert owner is not None
    cli("keys", "init", *options)
    dispatcher = open_store(folder, postgres_url, place)
    admin = FolderWorkspace(dispatcher, str(folder), folder, folder_actor(dispatcher.database, "owner"))
    token = admin.governance.create_token(NewToken(name="t", member="owner", role="admin")).secret
    large = os.urandom(9 << 20)
    with RunningServer(dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        space = open_url(server.url, token)
        space.tracking.create_project(NewProject(path="p"))
        made = space.tracking.create_run(NewRun(project="p"))
        (tmp_path / "large").write_bytes(large)
        for name, digest in (
            ("large", space.files.put_file("p", tmp_path / "large")[0]),
            ("words", space.files.put_bytes("p", SMALL)),
        ):
            space.tracking.add_artifact(made.id, NewArtifact(name, Digest(digest)))
        assert b"".join(space.files.artifact(made.id, "large")) == large
        assert b"".join(space.files.artifact(made.id, "words")) == SMALL
    store = dispatcher.blobs
    assert isinstance(store, SealedBlobs)
    assert list(store.plain.stored()) == []
    for name, _, _ in store.sealed.stored():
        data = b"".join(store.sealed.pieces(name))
        assert WORDS not in data
        assert large[:64] not in data
    assert cli("doctor", "--deep", "--drift", *options).code == 0
    store.close()
    dispatcher.database.close()


def test_a_server_that_should_write_tables_is_not_started(cli: Cli, folder: Path) -> None:
    cli("keys", "init")
    answer = cli("server", "--port", "0", "--tables-after", "1h")
    assert (answer.code, "--tables-after" in answer.err) == (2, True)
