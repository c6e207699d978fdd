"""What every backend asks of the conversation in a review: places, threads, suggestions, mentions, what was seen."""

from __future__ import annotations

from typing import Any

import pytest

from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.review.model import Change, ReviewComment, ReviewState
from runward.testing.reviewrules import ask, coded, done, rule
from runward.testing.worlds import World, batch, name_of
from runward.workspace import Workspace

CODE = """import sys


def rate(step: int) -> float:
    return 0.1 / (step + 1)


def main() -> None:
    print(rate(3))
"""
CELLS = '{"cells": [{"cell_type": "code", "source": ["a = 1"]}, {"cell_type": "code", "source": "b = 2"}]}'


def _inbox(space: Workspace) -> list[Any]:
    return space.coordination.inbox(limit=1000).items


def _last(space: Workspace, review_id: str) -> ReviewComment:
    return space.review.get_review(review_id).comments[-1]


class ConversationSuite:
    """Remarks and threads."""

    @pytest.mark.parametrize(
        ("anchor", "said"),
        [
            ("train.py:5", ""),
            ("train.py:4-5", ""),
            ("nb.ipynb#2", ""),
            ("params.lr", ""),
            ("metrics.acc", ""),
            ("metrics.acc@0", ""),
            ("metrics.acc@3", "ends at step 0"),
            ("metrics.acc@99999999999999999999", "ends at step 0"),
            ("train.py:0", "9 lines"),
            ("train.py:10", "9 lines"),
            ("train.py:5-4", "9 lines"),
            ("trian.py:5", "train.py"),
            ("nb.ipynb#3", "2 code cells"),
            ("params.rl", "params.lr"),
            ("metrics.accu", "metrics.acc"),
            ("artifacts/none.bin", "no such thing"),
            ("somewhere", "names no place"),
            (f"train.py:{'1' * 400}", "names no place"),
            (f"metrics.acc@{'1' * 400}", "no such thing"),
        ],
    )
    def test_a_thread_begins_at_something_that_exists(self, world: World, anchor: str, said: str) -> None:
        """Else the error says what there is."""
        author, reviewer = world.member(), world.member("reviewer")
        review = ask(author, coded(world, author, {"train.py": CODE, "nb.ipynb": CELLS})).review
        if not said:
            found = reviewer.review.comment(review.id, "why?", anchor).comments[-1]
            assert (found.anchor, found.place, found.resolved_at) == (anchor, "here", None)
            return
        with pytest.raises(InvalidError) as caught:
            reviewer.review.comment(review.id, "why?", anchor)
        assert said in f"{caught.value.message} {caught.value.hint}"
        assert reviewer.review.get_review(review.id).comments == []

    def test_threads_are_to_be_resolved(self, world: World) -> None:
        """By who began them or another reviewer, not by the review's author; the last one applies the review."""
        author, reviewer, other = world.member(), world.member("reviewer"), world.member("reviewer")
        review = ask(author, coded(world, author, {"train.py": CODE})).review
        thread = reviewer.review.comment(review.id, "zero?", "train.py:5").comments[-1].id
        author.review.comment(review.id, "no: step is never -1", thread=thread)
        reviewer.review.comment(review.id, "otherwise good")
        found = other.review.approve(review.id)
        assert found.missing == [f"Threads to resolve: train.py:5 ({name_of(reviewer)})."]
        assert [(c.anchor, c.thread) for c in found.comments] == [("train.py:5", 0), ("", thread), ("", 0)]
        with pytest.raises(ForbiddenError, match="its author or a reviewer"):
            author.review.resolve_thread(review.id, thread)
        for wrong in (thread + 1, 10**9):
            with pytest.raises(NotFoundError, match="no thread"):
                reviewer.review.resolve_thread(review.id, wrong)
            with pytest.raises(NotFoundError, match="no thread"):
                reviewer.review.comment(review.id, "answer", thread=wrong)
        applied = reviewer.review.resolve_thread(review.id, thread)
        assert applied.review.state is ReviewState.APPLIED
        assert applied.comments[0].resolved_by == name_of(reviewer)

    def test_a_thread_may_be_opened_again_or_left(self, world: World) -> None:
        """Where the standards do not ask for it an open thread blocks nothing."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, threads_resolved=False)
        review = ask(author, coded(world, author, {"train.py": CODE})).review
        thread = author.review.comment(review.id, "look here", "train.py:1").comments[-1].id
        assert author.review.resolve_thread(review.id, thread).comments[0].resolved_by == name_of(author)
        assert author.review.resolve_thread(review.id, thread, resolved=False).comments[0].resolved_at is None
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_a_thread_follows_its_lines(self, world: World) -> None:
        """By their content: moved, changed elsewhere, or gone and said to be outdated."""
        author, reviewer = world.member(), world.member("reviewer")
        review = ask(author, coded(world, author, {"train.py": CODE, "nb.ipynb": CELLS})).review
        for anchor in ("train.py:5", "train.py:9", "nb.ipynb#2", "params.lr"):
            reviewer.review.comment(review.id, "hm", anchor)
        moved = CODE.replace("import sys\n", "import os\nimport sys\n").replace("rate(3)", "rate(4)")
        cells = CELLS.replace('{"cell_type": "code", "source": ["a = 1"]}, ', "")
        next_run = coded(world, author, {"train.py": moved, "nb.ipynb": cells})
        found = author.review.change_subject(review.id, Change(next_run.id))
        assert [(c.anchor, c.place, c.line) for c in found.comments] == [
            ("train.py:5", "moved", 6),
            ("train.py:9", "outdated", 0),
            ("nb.ipynb#2", "moved", 1),
            ("params.lr", "here", 0),
        ]
        assert found.comments[0].excerpt == ["    return 0.1 / (step + 1)"]
        gone = author.review.change_subject(review.id, Change(coded(world, author, {"other.py": "z = 1\n"}).id))
        assert [c.place for c in gone.comments] == ["outdated", "outdated", "outdated", "here"]

    def test_a_metric_that_went_on_outdates_what_was_said_of_it(self, world: World) -> None:
        """The remark stays, and says so."""
        author, reviewer = world.member(), world.member("reviewer")
        run = done(world, author)
        review = ask(author, run).review
        reviewer.review.comment(review.id, "low", "metrics.acc@0")
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.99)]}))
        assert _last(author, review.id).place == "outdated"

    def test_a_suggestion_stands_for_lines_or_a_param(self, world: World) -> None:
        """It is told apart from the words around it."""
        author, reviewer = world.member(), world.member("reviewer")
        review = ask(author, coded(world, author, {"train.py": CODE})).review
        body = "Guard it:\n\n```suggestion\n    return 0.1 / max(step, 1)\n```\n"
        assert reviewer.review.comment(review.id, body, "train.py:5").comments[-1].suggestion == (
            "    return 0.1 / max(step, 1)\n"
        )
        smaller = "```suggestion\n0.01\n```"
        assert reviewer.review.comment(review.id, smaller, "params.lr").comments[-1].suggestion == "0.01\n"
        for anchor in ("", "metrics.acc"):
            with pytest.raises(InvalidError, match="needs lines of code or a param"):
                reviewer.review.comment(review.id, body, anchor)

    def test_a_mention_reaches_those_who_may_read(self, world: World) -> None:
        """Who took part hears of an answer; a stranger hears nothing."""
        author, reviewer, third, stranger = (
            world.member(),
            world.member("reviewer"),
            world.member("viewer"),
            world.outsider(),
        )
        review = ask(author, done(world, author)).review
        reviewer.review.comment(review.id, f"@{name_of(third)}, @{name_of(stranger)}: what do you think?")
        assert [i.kind for i in _inbox(third) if i.object_id == review.id] == [
            "review.requested",
            "review.mentioned",
        ]
        assert "review.commented" in [i.kind for i in _inbox(author)]
        assert [i for i in _inbox(stranger) if i.object_id == review.id] == []
        author.review.comment(review.id, "I do not know")
        assert "review.commented" in [i.kind for i in _inbox(reviewer)]
        for body in ("", " \n", "x" * 20_001):
            with pytest.raises(InvalidError, match="body"):
                author.review.comment(review.id, body)

    def test_what_a_reader_saw_is_theirs(self, world: World) -> None:
        """So the next look can begin with what is new."""
        author, reviewer = world.member(), world.member("reviewer")
        run = done(world, author)
        review = ask(author, run).review
        assert reviewer.review.get_review(review.id).seen is None
        reviewer.review.mark_seen(review.id, review.revision, 3)
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.99)]}))
        found = reviewer.review.get_review(review.id)
        assert found.seen is not None
        assert (found.seen.digest, found.seen.run_id, found.seen.remark) == (review.revision, run.id, 3)
        assert found.review.revision != review.revision
        assert [one.metrics["acc"] for one in found.revisions] == [0.99, 0.9]
        assert author.review.get_review(review.id).seen is None
        with pytest.raises(NotFoundError, match="never was at revision"):
            reviewer.review.mark_seen(review.id, "0" * 64)

    def test_what_waits_for_a_reader_comes_oldest_first(self, world: World) -> None:
        """Not one's own, not what one decided already, not drafts; one review is found by its number."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, approvals=2)
        first, second, own, draft = (
            ask(who, done(world, who), draft=d).review
            for who, d in ((author, False), (author, False), (reviewer, False), (author, True))
        )

        def waiting() -> list[str]:
            return [one.id for one in reviewer.review.list_reviews(project=world.project, waiting=True)]

        assert waiting() == [first.id, second.id]
        reviewer.review.approve(first.id)
        assert waiting() == [second.id]
        assert author.review.list_reviews(project=world.project, waiting=True) == []
        assert [one.id for one in author.review.list_reviews(number=own.number)] == [own.id]
        assert world.outsider().review.list_reviews(number=draft.number) == []
