"""What every backend says of a project's forge, and queues for it."""

from __future__ import annotations

import msgspec
import pytest

from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.review.forges.model import NewForge
from runward.review.model import NewReview
from runward.testing.worlds import World, name_of
from runward.tracking.model import CapturePart, Run, RunEnd, RunStatus
from runward.workspace import Workspace

COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
GITHUB = NewForge("github", "octo/hello", "t0ken", "https://127.0.0.1/api")


def run_at(world: World, space: Workspace, commit: str = COMMIT, branch: str = "main", project: str = "") -> Run:
    """A finished run of a commit."""
    project = project or world.project
    run = world.run(space, project=project, metrics={"acc": 0.9})
    document = space.files.put_bytes(project, b'{"files": []}')
    space.tracking.put_captures(run.id, [CapturePart("code", document, {"commit": commit, "branch": branch})])
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))


class ForgesSuite:
    """Who names it, what is shown, what is queued."""

    def test_token_and_secret_are_never_shown_again(self, world: World) -> None:
        """The secret once; each setting makes a new one."""
        space = world.member("maintainer")
        made = space.forges.set_forge(world.project, GITHUB)
        found = space.forges.get_forge(world.project)
        assert found == made.forge
        assert (found.kind, found.repository, found.api_url) == ("github", "octo/hello", "https://127.0.0.1/api")
        assert (found.project, found.author) == (world.project, name_of(space))
        shown = msgspec.json.encode([found, space.forges.forge_deliveries(world.project)]).decode()
        assert made.secret not in shown
        assert GITHUB.token not in shown
        again = space.forges.set_forge(world.project, NewForge("gitlab", "a/b/c", "t"))
        assert again.secret != made.secret
        assert again.forge.api_url == "https://gitlab.com/api/v4"

    def test_only_maintainers_name_a_forge(self, world: World) -> None:
        """A reviewer is refused; for a stranger there is none."""
        world.owner.forges.set_forge(world.project, GITHUB)
        for space, error in ((world.member("reviewer"), ForbiddenError), (world.outsider(), NotFoundError)):
            with pytest.raises(error):
                space.forges.set_forge(world.project, GITHUB)
            for call in (space.forges.get_forge, space.forges.remove_forge, space.forges.forge_deliveries):
                with pytest.raises(error):
                    call(world.project)

    @pytest.mark.parametrize(
        ("new", "named"),
        [
            (NewForge("github", "hello", "t"), "repository 'hello'"),
            (NewForge("github", "octo/", "t"), "repository 'octo/'"),
            (NewForge("azure", "org/repo", "t"), "repository 'org/repo'"),
            (NewForge("github", "octo/hello", " "), "token"),
            (NewForge("github", "octo/hello", "a\r\nX: y"), "token"),
            (NewForge("github", "octo/hello", "t", "file:///etc"), "api_url"),
            (NewForge("github", "octo/he llo", "t"), "api_url"),
        ],
    )
    def test_what_is_no_forge_is_refused(self, world: World, new: NewForge, named: str) -> None:
        """The message names the field."""
        with pytest.raises(InvalidError, match=named):
            world.owner.forges.set_forge(world.project, new)
        with pytest.raises(NotFoundError):
            world.owner.forges.get_forge(world.project)

    def test_a_review_of_a_commit_is_queued_for_the_nearest_forge(self, world: World) -> None:
        """A status and a summary when it is asked for and decided; nothing for runs without a commit."""
        owner, author = world.owner, world.member()
        child = world.new_project(world.project)
        owner.forges.set_forge(world.project, GITHUB)
        below = world.new_project(child)
        review = author.review.request_review(NewReview(run_at(world, author, project=below).id)).review
        world.member("reviewer").review.reject(review.id, "no")
        kinds = sorted(found.kind for found in owner.forges.forge_deliveries(world.project))
        assert kinds == ["review.rejected", "review.rejected", "review.requested", "review.requested"]
        owner.forges.set_forge(child, GITHUB)
        author.review.request_review(NewReview(run_at(world, author, project=below).id))
        assert len(owner.forges.forge_deliveries(child)) == 2
        assert len(owner.forges.forge_deliveries(world.project)) == 4
        author.review.request_review(NewReview(world.run(author, project=below, end=RunStatus.FINISHED).id))
        assert len(owner.forges.forge_deliveries(child)) == 2

    def test_a_removed_forge_is_gone_with_what_waited(self, world: World) -> None:
        """Then reviews are told to nobody."""
        owner, author = world.owner, world.member()
        owner.forges.set_forge(world.project, GITHUB)
        author.review.request_review(NewReview(run_at(world, author).id))
        owner.forges.remove_forge(world.project)
        assert owner.forges.forge_deliveries(world.project) == []
        author.review.request_review(NewReview(run_at(world, author).id))
        assert owner.forges.forge_deliveries(world.project) == []
        for call in (owner.forges.get_forge, owner.forges.remove_forge):
            with pytest.raises(NotFoundError, match="no forge"):
                call(world.project)
