"""What every backend says of web hooks and queues for them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from runward.coordination.hooks_model import NewHook
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.review.model import NewReview
from runward.testing.worlds import World, name_of
from runward.tracking.model import RunStatus
from runward.workspace import Workspace

URL = "https://127.0.0.1/in?team=1"
"""An address that no server sends to unless it is told to."""


def _kinds(space: Workspace, hook_id: str) -> list[str]:
    return sorted(delivery.kind for delivery in space.hooks.list_deliveries(hook_id))


class HooksSuite:
    """Who sets them up, what they hear, what is queued."""

    def test_a_secret_is_shown_once(self, world: World) -> None:
        """Then no list and no delivery has it."""
        space = world.member("maintainer")
        made = space.hooks.create_project_hook(world.project, NewHook(URL, ["review.*"]))
        assert made.secret.startswith("whsec_")
        assert (made.hook.url, made.hook.events, made.hook.project) == (URL, ["review.*"], world.project)
        assert (made.hook.author, made.hook.active, made.hook.waiting) == (name_of(space), True, 0)
        sent = space.hooks.send_test(made.hook.id)
        seen = [space.hooks.list_project_hooks(world.project), space.hooks.list_deliveries(made.hook.id), sent]
        assert made.secret not in msgspec.json.encode(seen).decode()
        other = space.hooks.create_project_hook(world.project, NewHook(URL))
        assert other.secret != made.secret
        assert [hook.id for hook in space.hooks.list_project_hooks(world.project)] == [other.hook.id, made.hook.id]

    def test_only_maintainers_set_up_and_see_web_hooks(self, world: World) -> None:
        """A contributor is refused; for a stranger there is none."""
        made = world.owner.hooks.create_project_hook(world.project, NewHook(URL))
        sent = world.owner.hooks.send_test(made.hook.id)
        for space, error in ((world.member("reviewer"), ForbiddenError), (world.outsider(), NotFoundError)):
            calls: list[tuple[Any, ...]] = [
                (space.hooks.create_project_hook, world.project, NewHook(URL)),
                (space.hooks.create_team_hook, world.team, NewHook(URL)),
                (space.hooks.list_project_hooks, world.project),
                (space.hooks.list_team_hooks, world.team),
                (space.hooks.send_test, made.hook.id),
                (space.hooks.list_deliveries, made.hook.id),
                (space.hooks.get_delivery, sent.id),
                (space.hooks.deliver_again, sent.id),
                (space.hooks.delete_hook, made.hook.id),
            ]
            for call, *arguments in calls:
                with pytest.raises(error):
                    call(*arguments)
        assert len(world.owner.hooks.list_project_hooks(world.project)) == 1

    @pytest.mark.parametrize(
        ("url", "events", "named"),
        [
            ("ftp://host/x", ["*"], "url"),
            ("https://", ["*"], "url"),
            ("nonsense", ["*"], "url"),
            ("https://user:secret@host/", ["*"], "url"),
            ("https://host:99999/", ["*"], "url"),
            ("https://host/a b", ["*"], "url"),
            ("https://host/\r\nX: y", ["*"], "url"),
            (URL, [], "events"),
            (URL, ["review.nothing"], "review.nothing"),
            (URL, ["nothing.*"], "nothing"),
        ],
    )
    def test_what_cannot_be_told_is_refused(self, world: World, url: str, events: list[str], named: str) -> None:
        """The message names the field."""
        with pytest.raises(InvalidError, match=named):
            world.owner.hooks.create_project_hook(world.project, NewHook(url, events))

    def test_an_event_is_queued_for_those_who_listen(self, world: World) -> None:
        """By kind and by place: the project, those above it, the team; not a sister, not another kind."""
        owner, author = world.owner, world.member()
        child = world.new_project(world.project)
        sister = world.new_project()
        hears = {
            "own": owner.hooks.create_project_hook(child, NewHook(URL, ["review.requested"])),
            "above": owner.hooks.create_project_hook(world.project, NewHook(URL, ["review.*"])),
            "team": owner.hooks.create_team_hook(world.team, NewHook(URL)),
            "sister": owner.hooks.create_project_hook(sister, NewHook(URL)),
            "other kind": owner.hooks.create_project_hook(child, NewHook(URL, ["review.applied"])),
        }
        run = world.run(author, project=child, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id, title="look")).review
        assert {name: _kinds(owner, made.hook.id) for name, made in hears.items()} == {
            "own": ["review.requested"],
            "above": ["review.requested"],
            "team": ["review.requested", "run.ended"],
            "sister": [],
            "other kind": [],
        }
        queued = owner.hooks.list_deliveries(hears["own"].hook.id)[0]
        body = json.loads(queued.body)
        assert (body["type"], body["data"]["title"], body["data"]["project"]) == ("review.requested", "look", child)
        assert (body["data"]["actor"], body["data"]["object"]["id"]) == (name_of(author), review.id)
        assert "author_id" not in body["data"]
        assert (queued.state, queued.status) == ("waiting", 0)

    def test_what_fails_leaves_nothing_in_the_queue(self, world: World) -> None:
        """A delivery is written in its event's own transaction."""
        made = world.owner.hooks.create_project_hook(world.project, NewHook(URL, ["review.*"]))
        author = world.member()
        run = world.run(author, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id)).review
        with pytest.raises(InvalidError):
            world.member("reviewer").review.request_changes(review.id, " ")
        assert _kinds(world.owner, made.hook.id) == ["review.requested"]

    def test_a_delivery_is_sent_again_under_its_old_id(self, world: World) -> None:
        """So that its receiver knows it."""
        made = world.owner.hooks.create_team_hook(world.team, NewHook(URL))
        sent = world.owner.hooks.send_test(made.hook.id)
        again = world.owner.hooks.deliver_again(sent.id)
        assert (again.id, again.body, again.state) == (sent.id, sent.body, "waiting")
        assert again.expires_at >= sent.expires_at
        assert len(world.owner.hooks.list_deliveries(made.hook.id)) == 1

    def test_a_removed_web_hook_is_gone_with_what_waited(self, world: World) -> None:
        """And hears nothing any more."""
        made = world.owner.hooks.create_project_hook(world.project, NewHook(URL))
        sent = world.owner.hooks.send_test(made.hook.id)
        world.owner.hooks.delete_hook(made.hook.id)
        for call, key in ((world.owner.hooks.get_delivery, sent.id), (world.owner.hooks.send_test, made.hook.id)):
            with pytest.raises(NotFoundError):
                call(key)
        assert world.owner.hooks.list_project_hooks(world.project) == []
        assert world.owner.hooks.list_team_hooks(world.team) == []
