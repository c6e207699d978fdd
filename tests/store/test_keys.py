"""The keyring: keys of teams and people, what wraps them, how they change, and how a person's is destroyed."""

from __future__ import annotations

import base64
import contextlib
import os
import shlex
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from runward.core.clock import utc_now
from runward.errors import CorruptedError, InvalidError, KeyMissingError, MissingExtraError, NotFoundError
from runward.store import keys
from runward.store.database import Database, open_database
from runward.store.keys import Keyring
from runward.store.migrations import check_schema
from runward.store.people import PeopleKeys
from runward.store.rootkey import RootFile, RootVariable
from runward.workspace import open_folder

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
ANN, BEN = "member-ann", "member-ben"
KMS = """
import base64, sys
# A stand-in for the client of a key management service: it encrypts nothing worth the name.
mask = bytes.fromhex(open(sys.argv[1]).read())
data = base64.b64decode(sys.stdin.read())
if sys.argv[2] == "unwrap" and not data.startswith(b"kms:"):
    sys.exit("not wrapped by this service")
data = data.removeprefix(b"kms:")
changed = bytes(one ^ other for one, other in zip(data, mask, strict=True))
print(base64.b64encode((b"kms:" if sys.argv[2] == "wrap" else b"") + changed).decode())
"""


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        found = open_database(f"sqlite:///{tmp_path / 'runward.db'}")
    else:
        found = open_database(request.getfixturevalue("postgres_url"))
    check_schema(found)
    with contextlib.closing(found):
        yield found


@pytest.fixture
def ring(database: Database, tmp_path: Path) -> Keyring:
    return Keyring(database, tmp_path)


def _again(ring: Keyring) -> Keyring:
    """Another process: nothing in memory."""
    return Keyring(ring._database, ring._folder)


def _later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    moment = utc_now() + timedelta(days=days)
    monkeypatch.setattr(keys, "utc_now", lambda: moment)


# sealing --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["team", "names", "person"])
def test_what_is_sealed_is_opened_by_whoever_has_the_keys(ring: Keyring, kind: keys.Kind) -> None:
    sealed = ring.seal(kind, ANN, b"ann@example.org", about=b"members")
    assert b"ann" not in sealed
    assert sealed != ring.seal(kind, ANN, b"ann@example.org", about=b"members")
    assert _again(ring).open_(kind, ANN, sealed, about=b"members") == b"ann@example.org"


def test_what_is_sealed_opens_only_for_its_owner_and_its_place(ring: Keyring) -> None:
    sealed = ring.seal("person", ANN, b"secret", about=b"row 1")
    ring.seal("person", BEN, b"other")
    for kind, owner, about in [("person", BEN, b"row 1"), ("team", ANN, b"row 1"), ("person", ANN, b"row 2")]:
        with pytest.raises((CorruptedError, NotFoundError)):
            ring.open_(kind, owner, sealed, about=about)  # type: ignore[arg-type]
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises((CorruptedError, NotFoundError)):
            ring.open_("person", ANN, bytes(changed), about=b"row 1")
    for cut in (b"", sealed[:5], sealed[:20]):
        with pytest.raises((CorruptedError, NotFoundError)):
            ring.open_("person", ANN, cut, about=b"row 1")


def test_rows_that_were_swapped_open_nothing(ring: Keyring, database: Database) -> None:
    """Who can write to the database cannot give one person's key to another one."""
    sealed = ring.seal("person", ANN, b"secret")
    ring.seal("person", BEN, b"other")
    with database.transaction(write=True) as tx:
        bens = tx.scalar("SELECT wrapped FROM keys WHERE owner_id = ?", (BEN,))
        tx.execute("UPDATE keys SET wrapped = ? WHERE owner_id = ?", (bens, ANN))
    with pytest.raises(CorruptedError, match="do not fit their key"):
        _again(ring).open_("person", ANN, sealed)


def test_a_key_that_was_undone_with_its_transaction_seals_nothing_else(ring: Keyring, database: Database) -> None:
    def undone() -> None:
        with database.transaction(write=True) as tx:
            ring.seal("person", ANN, b"lost", tx=tx)
            lost = ring.seal("person", ANN, b"lost too", tx=tx)
            assert ring.open_("person", ANN, lost, tx=tx) == b"lost too"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        undone()
    sealed = ring.seal("person", ANN, b"kept")
    assert _again(ring).open_("person", ANN, sealed) == b"kept"


def test_a_key_is_read_once_and_not_for_every_sealing(ring: Keyring, database: Database) -> None:
    ring.seal("person", ANN, b"")
    ring.seal("person", ANN, b"")
    with database.transaction(write=True) as tx:
        tx.execute("DELETE FROM keys WHERE kind = 'person'")
    assert ring.open_("person", ANN, ring.seal("person", ANN, b"from memory")) == b"from memory"


def test_those_who_begin_together_use_one_key(ring: Keyring, database: Database) -> None:
    rings, sealed, start = [_again(ring) for _ in range(6)], list[bytes](), threading.Barrier(6)

    def begin(one: Keyring) -> None:
        start.wait()
        sealed.append(one.seal("person", ANN, b"x") + one.seal("team", "t", b"x"))

    threads = [threading.Thread(target=begin, args=(one,)) for one in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(sealed) == 6
    assert sorted(key.kind for key in ring.all_keys()) == ["people", "person", "team"]


def test_without_the_library_it_is_said_what_is_missing(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracking client does not need it: nothing is sealed there."""
    assert ring.is_available
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingExtraError) as caught:
        ring.seal("person", ANN, b"x")
    assert "runward[sign]" in caught.value.hint


# the root key ---------------------------------------------------------------------------------------------------------


def test_the_root_key_makes_itself_where_only_its_owner_may_read_it(ring: Keyring, tmp_path: Path) -> None:
    ring.seal("person", ANN, b"x")
    assert (tmp_path / "keys" / "root.key").stat().st_mode & 0o777 == 0o600
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "keys" / "people").iterdir())


def test_a_key_file_that_others_can_read_is_refused(ring: Keyring, tmp_path: Path) -> None:
    sealed = ring.seal("team", "t", b"x")
    (tmp_path / "keys" / "root.key").chmod(0o640)
    with pytest.raises(KeyMissingError, match=r"mode 640") as caught:
        _again(ring).open_("team", "t", sealed)
    assert "chmod 600" in caught.value.hint


def test_a_missing_or_wrong_root_key_is_named_with_its_place(ring: Keyring, tmp_path: Path) -> None:
    sealed = ring.seal("team", "t", b"x")
    path = tmp_path / "keys" / "root.key"
    kept = path.rename(tmp_path / "elsewhere")
    with pytest.raises(KeyMissingError, match=rf"looked for in the file {path}, where there is none"):
        _again(ring).open_("team", "t", sealed)
    # Nor is another one made in its place.
    with pytest.raises(KeyMissingError):
        _again(ring).seal("team", "new", b"x")
    assert not path.exists()
    RootFile(path).create()
    with pytest.raises(KeyMissingError, match=r"where there is [0-9a-f]{8}"):
        _again(ring).open_("team", "t", sealed)
    path.write_text("no key\n")
    with pytest.raises(KeyMissingError, match="64 hexadecimal digits"):
        _again(ring).open_("team", "t", sealed)
    kept.replace(path)
    assert _again(ring).open_("team", "t", sealed) == b"x"


def test_the_root_key_can_come_from_the_environment(
    ring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNWARD_ROOT_KEY", "ab" * 32)
    sealed = ring.seal("person", ANN, b"x")
    assert not (tmp_path / "keys" / "root.key").exists()
    assert _again(ring).open_("person", ANN, sealed) == b"x"
    monkeypatch.setenv("RUNWARD_ROOT_KEY", "cd" * 32)
    with pytest.raises(KeyMissingError, match="the variable RUNWARD_ROOT_KEY"):
        _again(ring).open_("person", ANN, sealed)
    monkeypatch.setenv("RUNWARD_ROOT_KEY_FILE", str(tmp_path / "x"))
    with pytest.raises(InvalidError, match="RUNWARD_ROOT_KEY and RUNWARD_ROOT_KEY_FILE are set"):
        _again(ring).open_("person", ANN, sealed)


@pytest.fixture
def kms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with what the stand-in for a service keeps to itself."""
    (tmp_path / "kms.py").write_text(KMS)
    (tmp_path / "mask").write_text(os.urandom(32).hex())
    command = shlex.join([sys.executable, str(tmp_path / "kms.py"), str(tmp_path / "mask")])
    monkeypatch.setenv("RUNWARD_ROOT_KEY_COMMAND", command)
    return tmp_path / "mask"


def test_a_service_can_wrap_the_root_key(ring: Keyring, tmp_path: Path, kms: Path) -> None:
    sealed = ring.seal("person", ANN, b"x")
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["people", "root.wrapped"]
    wrapped = base64.b64decode((tmp_path / "keys" / "root.wrapped").read_bytes())
    assert wrapped.startswith(b"kms:")
    assert _again(ring).open_("person", ANN, sealed) == b"x"
    kms.unlink()
    with pytest.raises(KeyMissingError, match=r"could not unwrap the root key: exit code 1: .*mask"):
        _again(ring).open_("person", ANN, sealed)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print(sys.stdin.read())", "gave the key back as it was"),
        ("print('?')", "not base64"),
        ("print('eA==')", "gave 1 bytes"),
    ],
)
def test_a_service_that_does_not_do_its_work_is_refused(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    monkeypatch.setenv("RUNWARD_ROOT_KEY_COMMAND", shlex.join([sys.executable, "-c", program]))
    with pytest.raises(KeyMissingError, match=said):
        ring.seal("team", "t", b"x")


# rotation -------------------------------------------------------------------------------------------------------------


def test_a_new_root_key_opens_what_the_old_one_did(ring: Keyring, tmp_path: Path) -> None:
    sealed = ring.seal("person", ANN, b"x"), ring.seal("team", "t", b"y"), ring.seal("names", "t", b"z")
    path = tmp_path / "keys" / "root.key"
    before = path.read_bytes()
    old, new = ring.rotate_root()
    assert old != new
    assert path.read_bytes() != before
    assert list(path.parent.glob("root*")) == [path]
    for one in (ring, _again(ring)):
        opened = [one.open_("person", ANN, sealed[0]), one.open_("team", "t", sealed[1]), one.open_("names", "t", sealed[2])]  # fmt: skip
        assert opened == [b"x", b"y", b"z"]
    # The old one opens nothing any more.
    path.write_bytes(before)
    with pytest.raises(KeyMissingError, match=rf"{new} is missing"):
        _again(ring).open_("person", ANN, sealed[0])
    with pytest.raises(KeyMissingError, match=rf"{new} is missing"):
        _again(ring).open_("team", "t", sealed[1])


@pytest.mark.parametrize("after", ["files", "transaction"])
def test_a_rotation_that_was_interrupted_is_finished(
    ring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """Whenever it was interrupted, everything opens, before and after it is repeated."""
    sealed = ring.seal("person", ANN, b"x"), ring.seal("team", "t", b"y")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    def opens(one: Keyring) -> bool:
        return (one.open_("person", ANN, sealed[0]), one.open_("team", "t", sealed[1])) == (b"x", b"y")

    with monkeypatch.context() as patch:
        patch.setattr(keys, "_row", killed) if after == "files" else patch.setattr(RootFile, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            _again(ring).rotate_root()
    assert (tmp_path / "keys" / "root.key.next").exists()
    assert opens(_again(ring))
    assert opens(ring)
    _again(ring).rotate_root()
    assert not (tmp_path / "keys" / "root.key.next").exists()
    assert opens(_again(ring))
    assert {len(key.wrapped) for key in PeopleKeys(tmp_path).all()} == {1}


def test_who_did_not_see_the_rotation_makes_no_key_under_the_old_one(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNWARD_ROOT_KEY", "ab" * 32)
    ring.seal("team", "t", b"x")
    monkeypatch.setenv("RUNWARD_ROOT_KEY_NEXT", "cd" * 32)
    other = _again(ring)
    other.rotate_root()
    monkeypatch.delenv("RUNWARD_ROOT_KEY_NEXT")
    with pytest.raises(KeyMissingError, match="is missing"):
        ring.seal("team", "new", b"x")
    monkeypatch.setenv("RUNWARD_ROOT_KEY", "cd" * 32)
    ring.seal("team", "new", b"x")


def test_the_root_key_can_move_to_another_place(ring: Keyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sealed = ring.seal("person", ANN, b"x")
    monkeypatch.setenv("ELSEWHERE", "ef" * 32)
    ring.rotate_root(RootVariable("ELSEWHERE"))
    assert ring.open_("person", ANN, sealed) == b"x"
    (tmp_path / "keys" / "root.key").unlink()
    monkeypatch.setenv("RUNWARD_ROOT_KEY", "ef" * 32)
    assert _again(ring).open_("person", ANN, sealed) == b"x"


def test_a_new_team_key_leaves_what_older_ones_sealed(ring: Keyring) -> None:
    first = ring.seal("team", "t", b"first")
    ring.rotate_team("t")
    second = ring.seal("team", "t", b"second")
    assert first[1:13] != second[1:13]
    for one in (ring, _again(ring)):
        assert (one.open_("team", "t", first), one.open_("team", "t", second)) == (b"first", b"second")
    assert [key.version for key in ring.all_keys()] == [1, 2]


# forgetting -----------------------------------------------------------------------------------------------------------


def test_a_destroyed_key_opens_nothing_and_none_is_made_again(ring: Keyring) -> None:
    sealed, other = ring.seal("person", ANN, b"x"), ring.seal("person", BEN, b"y")
    ring.destroy_person(ANN)
    ring.destroy_person(ANN)
    for one in (ring, _again(ring)):
        with pytest.raises(NotFoundError, match="was destroyed"):
            one.open_("person", ANN, sealed)
        with pytest.raises(NotFoundError, match="was destroyed"):
            one.seal("person", ANN, b"new")
        assert one.open_("person", BEN, other) == b"y"
    assert [key.destroyed_at is None for key in ring.all_keys() if key.kind == "people"] == [False, True]


def test_who_never_had_a_key_gets_none_after_all(ring: Keyring) -> None:
    ring.destroy_person(ANN)
    with pytest.raises(NotFoundError, match="was destroyed"):
        ring.seal("person", ANN, b"x")


def test_a_backup_brings_nobody_back_once_the_people_key_expired(
    ring: Keyring, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of before are put back as they were: in the period they open, after it they do not."""
    sealed, other = ring.seal("person", ANN, b"x"), ring.seal("person", BEN, b"y")
    with database.transaction(write=False) as tx:
        columns = "id, kind, owner_id, version, wrapped, wrapped_by, created_at, destroyed_at"
        backup = tx.all(f"SELECT {columns} FROM keys")
        old = str(tx.scalar("SELECT id FROM keys WHERE kind = 'people'"))

    def put_back() -> None:
        with database.transaction(write=True) as tx:
            tx.execute("DELETE FROM keys")
            tx.many(f"INSERT INTO keys ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", backup)

    ring.destroy_person(ANN)
    file = tmp_path / "keys" / "people" / f"{old}.json"
    assert file.exists()
    put_back()
    assert _again(ring).open_("person", ANN, sealed) == b"x"
    assert ring.tend() == 0
    # It is erased again, as whoever puts a backup back has to; and the old end was not put off.
    _again(ring).destroy_person(ANN)
    _later(monkeypatch, 30.1)
    put_back()
    with pytest.raises(KeyMissingError, match=f"people key {old}.*expired"):
        _again(ring).open_("person", ANN, sealed)
    assert _again(ring).tend() >= 1
    assert not file.exists()
    with pytest.raises(KeyMissingError, match="expired"):
        _again(ring).open_("person", BEN, other)


def test_who_is_left_outlives_the_people_key(ring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = ring.seal("person", BEN, b"y")
    ring.seal("person", ANN, b"x")
    ring.destroy_person(ANN)
    _later(monkeypatch, 29.9)
    assert ring.tend() == 0
    _later(monkeypatch, 30.1)
    assert ring.tend() == 1
    assert len(list((tmp_path / "keys" / "people").iterdir())) == 1
    assert _again(ring).open_("person", BEN, other) == b"y"


def test_the_period_can_be_none(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWARD_BACKUP_DAYS", "0")
    ring = Keyring(database, tmp_path)
    ring.seal("person", ANN, b"x")
    before = set((tmp_path / "keys" / "people").iterdir())
    ring.destroy_person(ANN)
    assert before.isdisjoint((tmp_path / "keys" / "people").iterdir())
    monkeypatch.setenv("RUNWARD_BACKUP_DAYS", "soon")
    with pytest.raises(InvalidError, match="'soon'"):
        Keyring(database, tmp_path)


def test_a_key_destroyed_in_a_transaction_comes_back_with_its_undoing(ring: Keyring, database: Database) -> None:
    sealed = ring.seal("person", ANN, b"x")

    def undone() -> None:
        with database.transaction(write=True) as tx:
            ring.destroy_person(ANN, tx=tx)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        undone()
    assert ring.open_("person", ANN, sealed) == b"x"
    # The new people key of then counts for nothing; the old one goes on.
    assert ring.tend() == 0
    assert _again(ring).open_("person", ANN, sealed) == b"x"


def test_a_folder_looks_for_expired_keys_when_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(open_folder(tmp_path / "ws")) as space:
        space.dispatcher.keyring.seal("person", ANN, b"x")
        space.dispatcher.keyring.destroy_person(ANN)
    files = tmp_path / "ws" / "keys" / "people"
    assert len(list(files.iterdir())) == 2
    _later(monkeypatch, 31)
    with contextlib.closing(open_folder(tmp_path / "ws")):
        assert len(list(files.iterdir())) == 1
