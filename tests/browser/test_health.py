"""Admin → Health: well, not well, very much of it, and no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
WAYS = pytest.mark.parametrize("visit", [{}, {"scheme": "dark", "width": 400}], indirect=True)
AT = "2026-01-10T12:00:00Z"
LONG = "/mnt/" + "a-disk-with-a-very-long-name/" * 8 + "checkpoints.jsonl"
FAILING: dict[str, Any] = {
    "state": "failing",
    "at": AT,
    "version": "0.1.0",
    "checks": [
        {"name": "files", "state": "failing", "message": "cannot be used: " + "x" * 300, "hint": "check the bucket"},
        *(
            {
                "name": f"work {n}",
                "state": "failing",
                "message": "fails, 12,345 times in a row: قاعدة البيانات",
                "hint": "see",
            }
            for n in range(60)
        ),
        {
            "name": "backup",
            "state": "ailing",
            "message": "the last one is 400 days old",
            "hint": "`runward backup DIR`",
        },
        {"name": "database", "state": "well", "message": "answers", "hint": ""},
    ],
    "database": {
        "kind": "postgresql",
        "size_bytes": 9_876_543_210_123,
        "connections": 1234,
        "format": 26,
        "newest_format": 27,
        "clock_ahead_s": -86_400.5,
    },
    "blobs": {"kind": "bucket", "is_encrypted": True, "is_reachable": False, "error": "no such bucket"},
    "disk": {"free_bytes": 12, "total_bytes": 9_000_000_000_000},
    "audit": {
        "checkpoint_at": AT,
        "age_s": 1e7,
        "uncovered": 12_345_678,
        "places": [
            {"path": LONG, "is_own": True, "written_at": AT},
            {"path": LONG[1:], "is_own": False, "written_at": None},
        ],
    },
    "deliveries": {"waiting": 1_234_567, "late_s": 1e6, "given_up": 98_765},
    "jobs": {"queued": 100_000, "running": 0, "waits_s": 1e6},
    "backup": {"at": "2024-01-10T12:00:00Z", "files": 12_345_678, "bytes": 9_000_000_000_000},
    "work": [
        {"work": f"work {n}", "ended_at": None, "failing_since": AT, "failures": 12_345, "error": "y" * 200}
        for n in range(60)
    ],
}
EMPTY = {
    **FAILING,
    "state": "well",
    "checks": [],
    "disk": None,
    "audit": {"checkpoint_at": None, "age_s": None, "uncovered": 0, "places": []},
    "backup": None,
    "work": [],
}


def _answering(visit: Visitor, status: int, body: dict[str, Any]) -> None:
    visit.page.route("**/api/v1/health", lambda route: route.fulfill(status=status, json=body))


@WAYS
def test_an_admin_sees_how_the_server_fares(site: Site, visit: Visitor) -> None:
    """What is so, with a sign and a word, and what to do about what is not."""
    page = visit.open("/admin/health")
    page.get_by_role("status").get_by_text("! look at it").wait_for()
    page.get_by_role("row", name="backup ! look at it").wait_for()
    page.get_by_role("row", name="database ✓ well answers").wait_for()
    page.get_by_text("SQLite, ").wait_for()
    assert barriers(page, "health") == []
    page.get_by_role("button", name="Copy as…").click()
    page.get_by_text("runward doctor --server").wait_for()


@WAYS
def test_what_does_not_work_comes_first_however_much_it_is(visit: Visitor) -> None:
    """Sixty works that fail, long paths and messages, another script: nothing leaves the page."""
    _answering(visit, 200, json.loads(json.dumps(FAILING)))
    page = visit.open("/admin/health")
    page.get_by_role("status").get_by_text("✗ does not work · 62 things of 63 to look at").wait_for()
    page.get_by_text("✗ this version needs 27").wait_for()
    page.get_by_text("the database's is 1 d 0 h behind the server's").wait_for()
    page.get_by_text("never, or out of reach").wait_for()
    assert barriers(page, "health of a workspace that fails") == []


@WAYS
def test_nothing_known_and_no_answer_are_said(visit: Visitor) -> None:
    """A database that is away can tell nobody from anybody else."""
    _answering(visit, 200, EMPTY)
    page = visit.open("/admin/health")
    page.get_by_text("No work is known of yet").wait_for()
    page.get_by_text("none that is known").wait_for()
    assert barriers(page, "health of which nothing is known") == []
    problem = {"code": "store_unavailable", "detail": "PostgreSQL is not reachable", "hint": "check that it runs"}
    _answering(visit, 503, {**problem, "status": 503, "request_id": "abc123"})
    page = visit.open("/admin/health")
    page.get_by_text("PostgreSQL is not reachable").wait_for()
    page.get_by_text("The server’s log has it as request abc123").wait_for()
    page.get_by_role("button", name="Try again").wait_for()
    assert barriers(page, "health without an answer") == []
