"""Both databases, and what they say when they cannot do it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runward.core.ids import new_id
from runward.errors import ConflictError, InvalidError, MigrationNeededError, RunwardError, StoreError
from runward.store.database import Database, open_database
from runward.store.layout import references, tables_of
from runward.store.migrations import LATEST, MIGRATIONS, check_schema, migrate, schema_version
from runward.testing.plugin import missing
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun
from runward.workspace import open_folder
from tests.extras import disk_of


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'd.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    found = open_database(url)
    yield found
    found.close()


def _schema(database: Database) -> list[tuple[str, ...]]:
    if database.dialect == "sqlite":
        sql = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1"
    else:
        sql = """SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
                 WHERE table_schema = 'public' UNION ALL SELECT tablename, indexname, indexdef, '' FROM pg_indexes
                 WHERE schemaname = 'public' ORDER BY 1, 2"""
    with database.transaction(write=False) as tx:
        return [tuple(map(str, row)) for row in tx.all(sql)]


def _count(database: Database) -> int:
    with database.transaction(write=False) as tx:
        return int(tx.scalar("SELECT count(*) FROM t"))


def test_migrations_lead_up_and_down_and_up_again(database: Database) -> None:
    """Each step on its own; what goes up twice is the same."""
    assert migrate(database, 0) == 0
    empty = _schema(database)
    for number in range(1, LATEST + 1):
        assert migrate(database, number) == number - 1
    full = _schema(database)
    with database.transaction(write=False) as tx:
        assert schema_version(tx) == LATEST
    for number in range(LATEST - 1, -1, -1):
        assert migrate(database, number) == number + 1
    assert [row[0] for row in _schema(database)] == [row[0] for row in empty]
    migrate(database)
    assert _schema(database) == full
    assert migrate(database) == LATEST


def test_threads_that_ended_leave_no_connection_open(database: Database) -> None:
    """A server's threads come and go with its load: their connections would add up to all that PostgreSQL gives."""
    migrate(database)
    assert database.connections() == 1
    for _ in range(3):
        begun, may_end = threading.Barrier(9), threading.Event()

        def read(begun: threading.Barrier = begun, may_end: threading.Event = may_end) -> None:
            with database.transaction(write=False) as tx:
                schema_version(tx)
            begun.wait()
            may_end.wait()

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        begun.wait()
        assert database.connections() == 9
        may_end.set()
        for thread in threads:
            thread.join()
    assert database.connections() == 1


_AT_EXIT = """
import atexit, sys
from runward.store.database import open_database
from runward.store.migrations import migrate, schema_version

database = open_database(sys.argv[1])
migrate(database)

def store_the_rest():
    with database.transaction(write=False) as tx:
        assert database.connections() == 1  # what another thread asks as it begins
        print("version", schema_version(tx))

atexit.register(store_the_rest)
"""


def test_what_the_main_thread_stores_at_the_programs_end_keeps_its_connection(database: Database) -> None:
    """By then the thread counts as ended; the upload's thread, as it began, closed it under the end of a run."""
    done = subprocess.run([sys.executable, "-c", _AT_EXIT, database.url], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"version {LATEST}\n", "")


def test_a_failed_migration_leaves_the_schema_as_it_was(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: the first statements of a broken migration are gone with the rest."""
    migrate(database)
    before = _schema(database)
    broken = type(MIGRATIONS[0])("broken")
    broken.UP, broken.DOWN = ["CREATE TABLE half (x INTEGER)", "CREATE NONSENSE"], list[str]()  # type: ignore[attr-defined]
    monkeypatch.setattr("runward.store.migrations.MIGRATIONS", [*MIGRATIONS, broken])
    with pytest.raises(StoreError):
        migrate(database, LATEST + 1)
    assert _schema(database) == before


def test_a_workspace_of_a_newer_version_is_not_touched(database: Database) -> None:
    """The message names both formats and the way out; so does one that is too old."""
    migrate(database)
    for version, hint in ((LATEST + 7, "upgrade"), (LATEST - 1 or -1, "migrate")):
        with database.transaction(write=True) as tx:
            tx.execute("UPDATE schema_version SET version = ?", (version,))
        with pytest.raises(MigrationNeededError) as caught:
            check_schema(database)
        assert caught.value.code == "migration_needed"
        assert not caught.value.retryable
        assert f"format {version}" in caught.value.message
        assert hint in caught.value.hint


def test_two_that_start_together_make_one_schema(database: Database) -> None:
    errors = list[RunwardError]()

    def start() -> None:
        try:
            check_schema(open_database(database.url))
        except RunwardError as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.transaction(write=False) as tx:
        assert schema_version(tx) == LATEST


def test_many_that_open_a_new_file_together_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite itself refuses one of them now and then: about one round in twenty."""
    for number in range(40):
        url, errors = f"sqlite:///{tmp_path / f'{number}.db'}", list[BaseException]()
        together = threading.Barrier(8)

        def look(url: str = url, errors: list[BaseException] = errors, together: threading.Barrier = together) -> None:
            database = open_database(url)
            try:
                together.wait()
                with database.transaction(write=False) as tx:
                    assert schema_version(tx) == 0
            except BaseException as error:  # noqa: BLE001 - the test's thread tells it
                errors.append(error)
            finally:
                database.close()

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []


def test_a_transaction_is_whole_or_not_at_all(database: Database) -> None:
    def fail() -> None:
        with database.transaction(write=True) as tx:
            tx.execute("INSERT INTO t VALUES (1)")
            raise ZeroDivisionError

    with database.transaction(write=True) as tx:
        tx.execute("CREATE TABLE t (x INTEGER NOT NULL UNIQUE)")
    with pytest.raises(ZeroDivisionError):
        fail()
    assert _count(database) == 0


def test_what_a_constraint_forbids_is_a_conflict(database: Database) -> None:
    def insert() -> None:
        with database.transaction(write=True) as tx:
            tx.many("INSERT INTO t VALUES (?)", [[1], [1]])

    with database.transaction(write=True) as tx:
        tx.execute("CREATE TABLE t (x INTEGER NOT NULL UNIQUE)")
    with pytest.raises(ConflictError, match="refused"):
        insert()
    assert _count(database) == 0


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 2**63, -(2**63) - 1])
def test_what_no_database_can_hold_is_the_callers_error(database: Database, value: object) -> None:
    def ask() -> object:
        with database.transaction(write=False) as tx:
            return tx.scalar("SELECT CAST(? AS TEXT)", (value,))

    with pytest.raises(InvalidError):
        ask()


def test_a_percent_sign_and_a_question_mark_are_only_text(database: Database) -> None:
    with database.transaction(write=False) as tx:
        assert tx.all("SELECT CAST(? AS TEXT), 'a%b'", ("100%s ?",)) == [("100%s ?", "a%b")]


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(InvalidError, match="mysql"):
        open_database("mysql://x/y")


def test_postgresql_that_is_away_is_named_and_may_be_tried_again() -> None:
    with (
        pytest.raises(StoreError, match="not reachable") as caught,
        open_database("postgresql://nobody@127.0.0.1:9/x").transaction(write=False),
    ):
        pass
    assert caught.value.retryable
    assert "--database" in caught.value.hint


def test_a_connection_that_was_cut_is_made_again(postgres_url: str) -> None:
    """One call fails and says so; the next one works."""
    database = open_database(postgres_url)

    def kill() -> None:
        with database.transaction(write=False) as tx:
            tx.scalar("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreError):
        kill()
    with database.transaction(write=False) as tx:
        assert tx.scalar("SELECT 1") == 1
    database.close()


# places that cannot be written ------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "runward.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"runward\.db"):
        open_folder(tmp_path, "owner")


def test_a_workspace_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made") as caught:
        open_folder(tmp_path / "file" / "ws")
    assert "RUNWARD_DIR" in caught.value.hint


_OPEN_AND_WRITE = """
import sys
from runward.errors import StoreError
from runward.tracking.model import NewProject
from runward.workspace import open_folder
try:
    open_folder(sys.argv[1], "somebody").tracking.create_project(NewProject(path="p"))
except StoreError as error:
    print(error)
"""


def _without_override() -> list[str]:
    """What runs a command whose user has to obey file modes: root does not, until it gives that up."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        missing("root ignores file modes, and setpriv is not installed")
    dropped = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", dropped, "--inh-caps", dropped]


@pytest.mark.parametrize("made", [False, True], ids=["new", "existing"])
def test_a_read_only_folder_is_named_with_a_way_out(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "ws"
    folder.mkdir()
    if made:
        open_folder(folder, "owner").close()
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    command = [*_without_override(), sys.executable, "-c", _OPEN_AND_WRITE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    for path in paths:
        path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout
    assert "hint" in done.stdout
    assert "writable" in done.stdout


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB in memory."""
    with disk_of("4m", tmp_path / "small") as folder:
        yield folder


def test_a_full_disk_is_an_error_that_says_so_and_loses_nothing(small_disk: Path) -> None:
    """A write that does not fit is refused whole; what was acknowledged stays, and space is all that is needed."""
    space = open_folder(small_disk / "ws", "owner")
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p"))
    ballast = small_disk / "ballast"
    _fill_up(ballast)
    acknowledged = 0

    def write_on() -> None:
        nonlocal acknowledged
        while True:
            sent = batch(acknowledged, {"v": [(acknowledged, 1.0)] * 2000})
            acknowledged = space.tracking.append(run.id, sent).next

    with pytest.raises(StoreError) as caught:
        write_on()
    assert "full" in caught.value.message
    assert "space" in caught.value.hint
    assert caught.value.retryable
    with pytest.raises(StoreError, match="No space"):
        space.files.put_bytes("p", b"x" * 1_000_000)
    ballast.unlink()
    assert space.tracking.append(run.id, batch(0, count=0)).next == acknowledged
    assert space.tracking.series(run.id, ["v"]).series[0].n == 2000 * acknowledged
    assert not list((small_disk / "ws" / "blobs").glob(".new-*"))
    space.close()


def test_a_workspace_on_a_disk_that_is_full_says_so_whatever_its_files_can_still_do(small_disk: Path) -> None:
    """SQLite has other words where the files beside the database cannot grow."""
    open_folder(small_disk / "ws", "owner").close()

    def write_on() -> None:
        with contextlib.closing(open_folder(small_disk / "ws", "owner")) as space:
            while True:
                space.tracking.create_project(NewProject(path=new_id()))

    for left in range(0, 16, 3):
        _fill_up(small_disk / "ballast", left)
        with pytest.raises(StoreError) as caught:
            write_on()
        assert "space" in caught.value.hint, caught.value.message


def _fill_up(path: Path, left: int = 16) -> None:
    """Fill a disk up to some pages."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            file.truncate(max(file.tell() - left * 4096, 0))


def test_an_acknowledged_commit_was_synced(tmp_path: Path) -> None:
    """WAL with synchronous=FULL: with NORMAL a power cut loses what was acknowledged."""
    database = open_database(f"sqlite:///{tmp_path / 'd.db'}")
    with database.transaction(write=False) as tx:
        assert (tx.scalar("PRAGMA journal_mode"), tx.scalar("PRAGMA synchronous")) == ("wal", 2)
        assert tx.scalar("PRAGMA foreign_keys") == 1
    database.close()
    assert sqlite3.threadsafety >= 1


def test_a_forked_child_opens_its_own_connection(tmp_path: Path) -> None:
    """A shared one would share file locks with the parent, and corrupt."""
    database = open_database(f"sqlite:///{tmp_path / 'd.db'}")
    seen: list[int] = []
    look: Callable[[], None] = lambda: seen.append(id(database._connect()))  # type: ignore[attr-defined]  # noqa: E731
    look()
    pid = os.fork()
    if pid == 0:
        look()
        os._exit(0 if seen[0] != seen[1] or database._local.pid == os.getpid() else 1)  # type: ignore[attr-defined]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    database.close()


_PAIRS = {"k": "text", "v": "bigint"}


def _pairs(database: Database) -> list[tuple[str, int]]:
    with database.transaction(write=True) as tx:
        tx.execute("CREATE TABLE pairs (k TEXT PRIMARY KEY, v INTEGER NOT NULL)")
    with database.transaction(write=True) as tx:
        tx.later("pairs", _PAIRS, [("b", 1), ("a", 2)], "ON CONFLICT (k) DO UPDATE SET v = pairs.v + excluded.v", 1)
        tx.later("pairs", _PAIRS, [("b", 10)], "ON CONFLICT (k) DO UPDATE SET v = pairs.v + excluded.v", 1)
    with database.transaction(write=False) as tx:
        return [(row[0], row[1]) for row in tx.all("SELECT k, v FROM pairs ORDER BY k")]


def test_what_is_left_for_later_is_stored_at_the_end(database: Database) -> None:
    """All of it, one after the other where two rows are about the same."""
    assert _pairs(database) == [("a", 2), ("b", 11)]


def test_a_statement_sees_what_was_left_for_later(database: Database) -> None:
    """As soon as it names the table, whether it reads or writes; what comes before it is not held up."""
    _pairs(database)
    with database.transaction(write=True) as tx:
        tx.later("pairs", _PAIRS, [("c", 3)])
        assert tx.scalar("SELECT 1") == 1
        assert tx.touched("UPDATE pairs SET v = v + 1 WHERE k = ?", ("c",)) == 1
        assert tx.touched("UPDATE pairs SET v = v + 1 WHERE k = ?", ("nobody",)) == 0
        tx.later("pairs", _PAIRS, [("d", 5)])
        assert [row[0] for row in tx.all("SELECT v FROM pairs WHERE k IN ('c', 'd') ORDER BY k")] == [4, 5]
        tx.later("pairs", _PAIRS, [("e", 6)])
        assert tx.bulk("pairs", "k, v", [("f", 7)]) == 1
        tx.execute("DELETE FROM pairs WHERE k IN ('a', 'e')")
        assert tx.returning("DELETE FROM pairs WHERE k = ? RETURNING v", ("f",)) == [(7,)]
        assert list(tx.each("SELECT count(*) FROM pairs")) == [(3,)]


def test_what_is_undone_takes_what_was_left_for_later_with_it(database: Database) -> None:
    """What was left before the savepoint stays."""
    _pairs(database)
    with database.transaction(write=True) as tx:
        tx.later("pairs", _PAIRS, [("kept", 1)])
        tx.execute("SAVEPOINT here")
        tx.later("pairs", _PAIRS, [("gone", 2)])
        tx.execute("ROLLBACK TO SAVEPOINT here")
        tx.execute("RELEASE SAVEPOINT here")
    with database.transaction(write=False) as tx:
        assert [row[0] for row in tx.all("SELECT k FROM pairs ORDER BY k")] == ["a", "b", "kept"]


def test_an_error_that_shows_late_leaves_nothing_and_the_next_transaction_works(database: Database) -> None:
    """PostgreSQL is not waited for after each statement: nothing may count as stored for that."""
    _pairs(database)

    def clash(late: bool) -> None:
        with database.transaction(write=True) as tx:
            tx.execute("INSERT INTO pairs VALUES ('new', 1)")
            if late:
                tx.later("pairs", _PAIRS, [("a", 0)])
            else:
                tx.execute("INSERT INTO pairs VALUES ('a', 0)")
                tx.execute("INSERT INTO pairs VALUES ('newer', 1)")

    for late in (False, True):
        with pytest.raises(ConflictError):
            clash(late)
        with database.transaction(write=True) as tx:
            assert tx.all("SELECT k FROM pairs ORDER BY k") == [("a",), ("b",)]


def test_an_error_that_was_passed_over_is_no_commit(postgres_url: str) -> None:
    """PostgreSQL answers a commit of what failed with a rollback: that must not count as stored."""
    database = open_database(postgres_url)
    _pairs(database)

    def write() -> None:
        with database.transaction(write=True) as tx:
            tx.execute("INSERT INTO pairs VALUES ('new', 1)")
            with contextlib.suppress(psycopg.Error):
                tx.all("SELECT nothing FROM pairs")

    with pytest.raises(StoreError):
        write()
    with database.transaction(write=False) as tx:
        assert tx.scalar("SELECT count(*) FROM pairs") == 2
    database.close()


def test_a_statement_under_way_is_waited_for_when_the_database_is_closed(postgres_url: str) -> None:
    """The driver does not survive that its connection goes in the middle of one."""
    database, other = open_database(postgres_url), open_database(postgres_url)
    found: list[Any] = []

    def work() -> None:
        with database.transaction(write=False) as tx:
            found.append(tx.one("SELECT pg_sleep(1), 'slept'"))

    thread = threading.Thread(target=work)
    thread.start()
    under_way = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%''slept''%' AND pid <> pg_backend_pid()"
    with other.transaction(write=False) as tx:
        while not tx.scalar(under_way):
            threading.Event().wait(0.01)
    database.close()
    thread.join(10)
    assert [row[1] for row in found] == ["slept"]
    other.close()


def test_a_database_is_closed_when_nobody_is_in_the_middle_of_using_it(tmp_path: Path) -> None:
    """SQLite would go on with memory that was given back: the whole process would end."""
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    begun, go_on, found = threading.Event(), threading.Event(), list[object]()

    def read() -> None:
        with database.transaction(write=False) as tx:
            begun.set()
            go_on.wait(20)
            found.append(tx.scalar("SELECT 1"))

    reader, closer = threading.Thread(target=read), threading.Thread(target=database.close)
    reader.start()
    assert begun.wait(20)
    closer.start()
    closer.join(0.2)
    assert closer.is_alive()
    go_on.set()
    for thread in (reader, closer):
        thread.join(20)
    assert found == [1]
    assert not closer.is_alive()


def test_what_goes_on_after_a_workspace_was_closed_is_told_so(tmp_path: Path) -> None:
    """An upload in its own thread; it hears an error of the store, which it knows to wait after, not one of the driver."""
    database = open_database(f"sqlite:///{tmp_path / 'd.db'}")

    def go_on() -> None:
        with database.transaction(write=False) as tx:
            database.close()
            tx.scalar("SELECT 1")

    with pytest.raises(StoreError, match="closed"):
        go_on()


def test_an_organisations_extensions_are_left_as_they_are(postgres_url: str) -> None:
    """``pg_stat_statements`` brings views with columns of text, which no statement of ours may touch."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        connection.execute("CREATE VIEW seen AS SELECT 'x'::text AS word")
    database = open_database(postgres_url)
    try:
        assert migrate(database) == 0
        assert migrate(database, 0) == LATEST
    finally:
        database.close()


def test_other_peoples_tables_are_not_mixed_with_ours(database: Database) -> None:
    """Nothing is made in a database of another program; a schema of our own in it will do."""
    with database.transaction(write=True) as tx:
        tx.execute("CREATE TABLE orders (word TEXT)")
    with pytest.raises(MigrationNeededError, match="holds other tables: orders") as refused:
        check_schema(database)
    assert "a database of its own" in str(refused.value.hint)
    with database.transaction(write=False) as tx:
        assert tables_of(tx) == ["orders"]


def test_a_schema_of_our_own_in_another_programs_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (word TEXT)")
        connection.execute("CREATE SCHEMA runward")
    database = open_database(f"{postgres_url}?options=-csearch_path%3Drunward")
    try:
        check_schema(database)
        check_schema(database)
        with database.transaction(write=False) as tx:
            assert "orders" not in tables_of(tx)
            assert tx.scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
            assert {("params", "run_id", "runs", "id")} <= set(references(tx))
    finally:
        database.close()
