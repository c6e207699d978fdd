"""What leaves the house: signed, once, tried again, given up."""

from __future__ import annotations

import datetime
import itertools
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runward.coordination import queue, sending
from runward.coordination.hooks import signature
from runward.coordination.hooks_model import Delivery, HookSecret, NewHook
from runward.coordination.queue import GIVE_UP_S, SECOND, pause_s
from runward.coordination.sending import deliver_one
from runward.core.clock import to_us, utc_now
from runward.core.outbound import networks
from runward.governance.signin import folder_actor
from runward.server.deliveries import PREPARE
from runward.server.run import LOOPBACK, RunningServer, listen, note_address
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.testing.plugin import missing
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, open_dispatcher
from tests.coordination.receiver import Received, Receiver

ALLOWED = networks(["127.0.0.0/8"])


def _hook(space: FolderWorkspace, url: str, events: list[str] | None = None) -> HookSecret:
    space.tracking.create_project(NewProject(path="p"))
    return space.hooks.create_project_hook("p", NewHook(url, events or ["*"]))


def _ended_run(space: FolderWorkspace, name: str = "first") -> str:
    run = space.tracking.create_run(NewRun(project="p", name=name))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    return run.id


def _send_all(space: FolderWorkspace) -> None:
    while deliver_one(space.dispatcher.database, ALLOWED, PREPARE):
        pass


def _only(space: FolderWorkspace, hook_id: str) -> Delivery:
    (found,) = space.hooks.list_deliveries(hook_id)
    return found


def _at(monkeypatch: pytest.MonkeyPatch, moment: datetime.datetime) -> None:
    monkeypatch.setattr(sending, "utc_now", lambda: moment)


def test_an_event_arrives_with_a_signature_that_the_standard_library_accepts(folder_workspace: FolderWorkspace) -> None:
    """As standardwebhooks.com says it; the official implementation verifies it, and refuses a changed byte."""
    try:
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError
    except ImportError:
        missing("standardwebhooks is not installed (the group `hooks`)")
    note_address(folder_workspace.dispatcher, "https://runward.example.org/")
    with Receiver() as receiver:
        made = _hook(folder_workspace, f"{receiver.url}/in", ["run.ended"])
        run_id = _ended_run(folder_workspace)
        _send_all(folder_workspace)
    (got,) = receiver.received
    assert (got.method, got.path, got.headers["content-type"]) == ("POST", "/in", "application/json")
    told: Any = Webhook(made.secret).verify(got.body, got.headers)
    assert (told["type"], told["data"]["project"], told["data"]["status"]) == ("run.ended", "p", "finished")
    assert told["data"]["object"] == {
        "kind": "run",
        "id": run_id,
        "url": f"https://runward.example.org/runs/{run_id}",
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(got.body.replace(b"finished", b"failed"), got.headers)
    found = _only(folder_workspace, made.hook.id)
    assert (found.state, found.status, found.attempts, found.said) == ("delivered", 204, 1, "")
    assert got.headers["webhook-id"] == found.id


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the Standard Webhooks specification."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_what_fails_is_tried_again_ever_later_and_then_given_up(
    folder_workspace: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same message each time; after three days it is listed as given up, with the last answer."""
    with Receiver(status=503) as receiver:
        made = _hook(folder_workspace, receiver.url, ["run.ended"])
        _ended_run(folder_workspace)
        pauses = []
        now = utc_now()
        while True:
            _at(monkeypatch, now)
            _send_all(folder_workspace)
            found = _only(folder_workspace, made.hook.id)
            assert (found.status, found.said) == (503, "answered 503")
            if found.next_at is None:
                break
            pauses.append((found.next_at - now).total_seconds())
            now = found.next_at
    assert found.state == "given_up"
    assert 4 <= pauses[0] <= 6
    assert all(later > earlier * 2 for earlier, later in itertools.pairwise(pauses[:6]))
    assert max(pauses) <= 6 * 3600 * 1.2
    assert GIVE_UP_S - 6 * 3600 * 1.2 <= sum(pauses) <= GIVE_UP_S
    assert found.attempts == len(receiver.received) == len(pauses) + 1
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert len({got.body for got in receiver.received}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.received}) > 5
    assert folder_workspace.hooks.list_project_hooks("p")[0].given_up == 1
    receiver.status = 204
    _at(monkeypatch, now)
    with Receiver() as well:
        database = folder_workspace.dispatcher.database
        with database.transaction(write=True) as tx:
            tx.execute("UPDATE web_hooks SET url = ?", (well.url,))
            queue.again(tx, found.id, to_us(now))
        _send_all(folder_workspace)
        assert [got.headers["webhook-id"] for got in well.received] == [found.id]
    assert _only(folder_workspace, made.hook.id).state == "delivered"


def test_pauses_grow_fourfold_up_to_six_hours_with_a_fifth_of_chance() -> None:
    assert [pause_s(attempt, 0.5) for attempt in (1, 2, 3, 4, 7, 8, 500)] == [5, 20, 80, 320, 20480, 21600, 21600]
    assert (pause_s(1, 0.0), pause_s(1, 1.0)) == (4, 6)


def test_a_receiver_that_is_gone_for_good_is_asked_no_more(folder_workspace: FolderWorkspace) -> None:
    """410 turns the web hook off until somebody tests it."""
    with Receiver(status=410) as receiver:
        made = _hook(folder_workspace, receiver.url, ["run.ended"])
        _ended_run(folder_workspace)
        _send_all(folder_workspace)
        _ended_run(folder_workspace, "second")
        _send_all(folder_workspace)
        assert len(receiver.received) == 1
        assert _only(folder_workspace, made.hook.id).state == "given_up"
        assert not folder_workspace.hooks.list_project_hooks("p")[0].active
        receiver.status = 200
        sent = folder_workspace.hooks.send_test(made.hook.id)
        _send_all(folder_workspace)
    assert folder_workspace.hooks.get_delivery(sent.id).state == "delivered"
    assert folder_workspace.hooks.list_project_hooks("p")[0].active


def test_an_address_inside_is_not_reached(folder_workspace: FolderWorkspace) -> None:
    """Without the server's leave the delivery says why, and nothing is connected to."""
    with Receiver() as receiver:
        made = _hook(folder_workspace, receiver.url)
        folder_workspace.hooks.send_test(made.hook.id)
        assert deliver_one(folder_workspace.dispatcher.database, (), PREPARE)
        assert receiver.received == []
    found = _only(folder_workspace, made.hook.id)
    assert (found.state, found.status) == ("waiting", 0)
    assert "127.0.0.1, which is no public address" in found.said


def test_a_server_that_died_with_a_delivery_leaves_it_to_others(
    folder_workspace: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a minute; what the dead one says later changes nothing."""
    with Receiver() as receiver:
        made = _hook(folder_workspace, receiver.url)
        folder_workspace.hooks.send_test(made.hook.id)
        database, now = folder_workspace.dispatcher.database, utc_now()
        with database.transaction(write=True) as tx:
            held = queue.claim(tx, to_us(now))
        assert held is not None
        _at(monkeypatch, now + datetime.timedelta(seconds=queue.LEASE_S - 5))
        _send_all(folder_workspace)
        assert receiver.received == []
        _at(monkeypatch, now + datetime.timedelta(seconds=queue.LEASE_S + 1))
        _send_all(folder_workspace)
        assert len(receiver.received) == 1
        with database.transaction(write=True) as tx:
            queue.record(tx, held, 500, "late", to_us(now), good=False)
    found = _only(folder_workspace, made.hook.id)
    assert (found.state, found.status, found.attempts) == ("delivered", 204, 2)


def test_a_delivery_that_ends_every_server_is_given_up(
    folder_workspace: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it never says how it went: after three days nobody takes it any more."""
    made = _hook(folder_workspace, "https://127.0.0.1/")
    folder_workspace.hooks.send_test(made.hook.id)
    now, taken = utc_now(), 0
    while True:
        with folder_workspace.dispatcher.database.transaction(write=True) as tx:
            if queue.claim(tx, to_us(now)) is None:
                break
        taken, now = taken + 1, now + datetime.timedelta(hours=6)
    assert taken == 12
    found = _only(folder_workspace, made.hook.id)
    assert (found.state, found.said) == ("given_up", "no attempt came to an end in time")


def test_deliveries_that_are_over_are_forgotten_after_a_month(folder_workspace: FolderWorkspace) -> None:
    with Receiver() as receiver:
        made = _hook(folder_workspace, receiver.url)
        folder_workspace.hooks.send_test(made.hook.id)
        _send_all(folder_workspace)
    folder_workspace.hooks.send_test(made.hook.id)
    now = to_us(utc_now())
    for days, left in ((29, 2), (31, 1)):
        with folder_workspace.dispatcher.database.transaction(write=True) as tx:
            queue.forget(tx, now + days * 24 * 3600 * SECOND)
        assert len(folder_workspace.hooks.list_deliveries(made.hook.id)) == left
    assert _only(folder_workspace, made.hook.id).state == "waiting"


def _spaces(kind: str, tmp_path: Path, request: pytest.FixtureRequest, count: int) -> list[FolderWorkspace]:
    """Several hands on one database, as several servers have them."""
    url = f"sqlite:///{tmp_path / 'runward.db'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    spaces = []
    for _ in range(count):
        dispatcher = open_dispatcher(open_database(url), FolderBlobs(tmp_path / "blobs"), tmp_path)
        spaces.append(FolderWorkspace(dispatcher, url, tmp_path, folder_actor(dispatcher.database, "owner")))
    return spaces


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_servers_send_each_delivery_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """However they hurry: a delivery is taken by one of them."""
    spaces = _spaces(kind, tmp_path, request, 2)
    with Receiver() as receiver:
        made = _hook(spaces[0], receiver.url)
        sent = [spaces[0].hooks.send_test(made.hook.id).id for _ in range(40)]
        start = threading.Barrier(4)

        def work(space: FolderWorkspace) -> None:
            start.wait(20)
            _send_all(space)

        threads = [threading.Thread(target=work, args=(space,)) for space in spaces for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        counted = Counter(got.headers["webhook-id"] for got in receiver.received)
    assert counted == dict.fromkeys(sent, 1)
    assert {found.state for found in spaces[1].hooks.list_deliveries(made.hook.id)} == {"delivered"}
    for space in spaces:
        space.close()


def test_a_running_server_delivers(folder_workspace: FolderWorkspace) -> None:
    """By itself, into the networks that it was told of."""
    arrived = threading.Event()

    def answer(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        arrived.set()

    bound = listen("127.0.0.1", 0)
    with (
        Receiver(answer) as receiver,
        RunningServer(folder_workspace.dispatcher, bound, LOOPBACK, hook_networks=("127.0.0.0/8",)),
    ):
        _hook(folder_workspace, receiver.url, ["run.ended"])
        _ended_run(folder_workspace)
        assert arrived.wait(20)
    got: Received = receiver.received[0]
    assert json.loads(got.body)["type"] == "run.ended"
