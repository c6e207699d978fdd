"""Passwords and tries: what is refused, and what holds for several processes and many at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.errors import InvalidError, QuotaExceededError, UnauthenticatedError
from runward.governance import limits, passwords, signin
from runward.governance.dispatch import Dispatcher
from runward.governance.limits import count_try, take_back
from runward.governance.model import NewMember
from runward.governance.passwords import check_password, hash_password, password_matches
from runward.server.run import open_store
from runward.testing.postgres import PostgresServer
from runward.workspace import FolderWorkspace

GOOD = "correct horse battery"


@pytest.mark.parametrize(
    "password",
    [
        "short", "elevenchars", "password1234", "123456789012", "qwertyuiop12", "aaaaaaaaaaaaaaaa", "iloveyou1234",
        "changeme1234", "runwardrunward", "annsmith1234", "Password123!", "x" * 1025,
    ],
)  # fmt: skip
def test_passwords_that_are_tried_first_are_refused(password: str) -> None:
    """Too short, too long, common, made of the member's own name."""
    with pytest.raises(InvalidError, match="password"):
        check_password(password, "ann smith")


@pytest.mark.parametrize(
    "password", [GOOD, "zq8#kfPw2mLx", "vier ruhige worte hier", "пароль-из-нескольких-слов", "x7" + "é" * 9 + "kq4"]
)
def test_others_are_kept_as_argon2id_with_owasps_parameters(password: str) -> None:
    stored = hash_password(password)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert password_matches(stored, password)
    assert not password_matches(stored, password + " ")
    assert not password_matches(None, password)
    assert not password_matches("damaged", password)


def test_no_more_than_four_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 19 MiB: many sign-ins at once must not take the memory."""
    stored, guard = hash_password(GOOD), threading.Lock()
    now, most = 0, 0
    real = passwords._hasher()

    class Counting:
        def verify(self, *given: str) -> bool:
            nonlocal now, most
            with guard:
                now += 1
                most = max(most, now)
            try:
                return bool(real.verify(*given))
            finally:
                with guard:
                    now -= 1

    monkeypatch.setattr(passwords, "_hasher", Counting)
    threads = [threading.Thread(target=password_matches, args=(stored, GOOD)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 4


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Dispatcher, Dispatcher]]:
    """Two servers on one database, each with its own connections."""
    if request.param == "sqlite":
        database = f"sqlite:///{tmp_path / 'shared.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = server.create_database()
    both = (open_store(tmp_path / "a", database), open_store(tmp_path / "b", database))
    yield both
    for one in both:
        one.database.close()


def _member(dispatcher: Dispatcher, name: str) -> None:
    actor = signin.folder_actor(dispatcher.database, "owner")
    space = FolderWorkspace(dispatcher, "here", dispatcher.folder, actor)
    secret = space.governance.create_member(NewMember(name=name)).secret
    signin.sign_in_by_link(dispatcher, secret, "", GOOD)


def test_the_limit_holds_across_servers(pair: tuple[Dispatcher, Dispatcher]) -> None:
    """Ten wrong ones in all, wherever they arrive; then the right one waits too, at both."""
    _member(pair[0], "ann")
    for turn in range(10):
        with pytest.raises(UnauthenticatedError):
            signin.sign_in(pair[turn % 2], "ann", "wrong" * 3, f"192.0.2.{turn}")
    for one in pair:
        with pytest.raises(QuotaExceededError):
            signin.sign_in(one, "ann", GOOD, "192.0.2.99")


def test_many_at_once_get_no_further_than_one_after_the_other(pair: tuple[Dispatcher, Dispatcher]) -> None:
    """A try is counted before it is made."""
    _member(pair[0], "bob")
    said: list[str] = []

    def attempt(number: int) -> None:
        try:
            signin.sign_in(pair[number % 2], "bob", "wrong" * 3, "192.0.2.1")
        except (UnauthenticatedError, QuotaExceededError) as error:
            said.append(error.code)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 24, said
    assert sorted(said) == ["quota_exceeded"] * 14 + ["unauthenticated"] * 10


def test_right_ones_are_not_counted(pair: tuple[Dispatcher, Dispatcher]) -> None:
    _member(pair[0], "eve")
    for _ in range(15):
        signin.sign_in(pair[0], "eve", GOOD, "192.0.2.2")


def test_tries_take_no_more_room_than_their_buckets(pair: tuple[Dispatcher, Dispatcher]) -> None:
    """A number of a fixed range for each key, which nobody can foresee without the workspace's id."""
    database = pair[0].database
    with database.transaction(write=True) as tx:
        found = {limits.bucket_of(tx, f"name:{number}") for number in range(2000)}
        assert all(0 <= bucket < limits.BUCKETS for bucket in found)
        assert len(found) > 1900
        for number in range(2000):
            count_try(tx, [f"name:{number}"], 10_000)
        assert tx.scalar("SELECT count(*) FROM tries") == len(found)


def test_a_window_ends(pair: tuple[Dispatcher, Dispatcher]) -> None:
    """After five minutes counting begins anew; a clock that was put back opens no window of years."""
    database = pair[0].database
    with database.transaction(write=True) as tx:
        count_try(tx, ["k"], 1)
    for shift in (-limits.WINDOW_S * 1_000_000 - 1, 10**15):
        with database.transaction(write=True) as tx, pytest.raises(QuotaExceededError):
            count_try(tx, ["k"], 1)
        with database.transaction(write=True) as tx:
            tx.execute("UPDATE tries SET count = 1, began_at = began_at + ?", (shift,))
            count_try(tx, ["k"], 1)
            take_back(tx, ["k"])
            count_try(tx, ["k"], 1)
