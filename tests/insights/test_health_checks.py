"""What is said about a workspace that is not well: the part, how bad it is, and the way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from runward.core.beats import Beat, Beats
from runward.errors import StoreError
from runward.insights.health_checks import checks, worst
from runward.insights.health_model import (
    BackupHealth,
    BlobsHealth,
    DatabaseHealth,
    DeliveriesHealth,
    DiskHealth,
    Health,
    JobsHealth,
    TrailHealth,
    TrailPlace,
)

NOW = datetime(2026, 1, 10, tzinfo=UTC)
WELL = Health(
    state="well",
    at=NOW,
    version="1",
    checks=[],
    database=DatabaseHealth("sqlite", 1, 1, 5, 5, 0.0),
    blobs=BlobsHealth("folder", False, True),
    disk=DiskHealth(50 << 30, 100 << 30),
    audit=TrailHealth(NOW, 1.0, 0, [TrailPlace("/w/audit", True, NOW), TrailPlace("/far/audit", False, NOW)]),
    deliveries=DeliveriesHealth(0, 0.0, 0),
    jobs=JobsHealth(0, 0, 0.0),
    backup=BackupHealth(NOW - timedelta(days=1), 1, 1),
    work=[Beat("points", NOW)],
)


def test_what_is_well_is_well() -> None:
    assert {check.state for check in checks(WELL)} == {"well"}
    assert worst(WELL, checks(WELL)).state == "well"


@pytest.mark.parametrize(
    ("name", "state", "change"),
    [
        ("database", "failing", {"database": DatabaseHealth("sqlite", 1, 1, 4, 5, 0.0)}),
        ("clocks", "ailing", {"database": DatabaseHealth("postgresql", 1, 1, 5, 5, -3.0)}),
        ("files", "failing", {"blobs": BlobsHealth("bucket", True, False, "no such bucket")}),
        ("disk", "failing", {"disk": DiskHealth(1 << 20, 100 << 30)}),
        ("disk", "ailing", {"disk": DiskHealth(5 << 30, 100 << 30)}),
        ("disk", "failing", {"disk": None}),
        ("audit trail", "ailing", {"audit": TrailHealth(NOW, 1e5, 3, WELL.audit.places)}),
        ("audit trail", "ailing", {"audit": TrailHealth(None, None, 3, [TrailPlace("/w/audit", True, None)])}),
        ("audit trail", "failing", {"audit": TrailHealth(NOW, 1.0, 0, [TrailPlace("/gone", False, None)])}),
        ("backup", "ailing", {"backup": None}),
        ("backup", "ailing", {"backup": BackupHealth(NOW - timedelta(days=30), 1, 1)}),
        ("points", "failing", {"work": [Beat("points", NOW, NOW, 3, "away")]}),
        ("deliveries", "failing", {"deliveries": DeliveriesHealth(9, 1e4, 0)}),
        ("deliveries", "ailing", {"deliveries": DeliveriesHealth(0, 0.0, 2)}),
        ("verification jobs", "ailing", {"jobs": JobsHealth(4, 0, 1e4)}),
    ],
)
def test_what_is_not_well_comes_first_with_its_way_out(name: str, state: str, change: dict[str, Any]) -> None:
    health = msgspec.structs.replace(WELL, **change)
    found = worst(health, checks(health))
    assert (found.checks[0].name, found.checks[0].state, found.state) == (name, state, state)
    assert found.checks[0].hint
    assert {check.state for check in found.checks[1:]} == {"well"}


def _fail(error: Exception) -> None:
    raise error


def test_work_that_fails_is_logged_once_and_noted_until_it_works(caplog: pytest.LogCaptureFixture) -> None:
    """A message of ours is shown; what a library says may hold anything, so only its kind is."""
    beats = Beats()
    for _ in range(3):
        with beats.attempt("points"):
            _fail(StoreError("the disk is full"))
    with beats.attempt("cards"):
        _fail(ValueError("hunter2"))
    cards, points = beats.all()
    assert (points.failures, points.error, points.ended_at) == (3, "the disk is full", None)
    assert (cards.failures, cards.error) == (1, "ValueError")
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    caplog.set_level("INFO", "runward.work")
    with beats.attempt("points"):
        pass
    _, points = beats.all()
    assert points.failing_since is None
    assert points.ended_at is not None
    assert caplog.records[-1].getMessage() == "points works again after 3 failures"
