"""What every backend does with captured documents that are none: any client may have written them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from runward.errors import RunwardError
from runward.repro.records import NewVerification
from runward.review.model import NewReview
from runward.testing.worlds import World
from runward.tracking.model import CapturePart, Run, RunStatus
from runward.workspace import Workspace

_KINDS = ("code", "environment", "machine", "process", "pylock", "reads", "spec")
DOCUMENTS = (
    b"no JSON",
    b"\xff\xfe",
    b"[]",
    b'{"files": 3, "reads": {}, "packages": "numpy", "argv": 5}',
    b'{"files": [{}], "reads": [1], "packages": [{"name": 1}], "argv": [1], "entry": []}',
    b'{"files": [{"path": "a.py", "digest": "x", "size": -1}], "reads": [{"digest": "x"}], "packages": [{}]}',
    b'{"files": [{"path": "../../etc/passwd", "digest": null}], "changed": [null], "subfolder": "/"}',
    b'{"files": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
)


class DocumentsSuite:
    """An answer or a clear error; never a fault of the server's."""

    @pytest.mark.parametrize("document", DOCUMENTS, ids=range(len(DOCUMENTS)))
    def test_documents_of_another_shape_break_nothing(self, world: World, document: bytes) -> None:
        """Every reader of captured documents meets them."""
        space = world.member()
        odd, other = (self._run(world, space, document) for _ in range(2))
        for read in self._readers(space, odd, other):
            with contextlib.suppress(RunwardError):
                read()

    def _run(self, world: World, space: Workspace, document: bytes) -> Run:
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        digest = space.files.put_bytes(world.project, document)
        said: dict[str, Any] = {"digest": "d", "locks": {"uv.lock": digest}, "argv": ["python", "a.py"]}
        parts = [CapturePart(kind, digest, said) for kind in _KINDS]  # type: ignore[arg-type]
        space.tracking.put_captures(run.id, parts)
        return run

    def _readers(self, space: Workspace, odd: Run, other: Run) -> list[Callable[[], object]]:
        made = NewVerification("reproduced", "basic", "all metrics are identical", {}, 1.0, "host")
        return [
            lambda: space.tracking.get_run(odd.id),
            lambda: space.tracking.compare([odd.id, other.id]),
            lambda: space.tracking.code_file(odd.id, "a.py"),
            lambda: space.tracking.uncommitted(odd.id),
            lambda: space.environments.environment(odd.id),
            lambda: space.environments.lock_content(odd.id, "uv.lock"),
            lambda: space.environments.environment_differences(odd.id, other.id),
            lambda: space.repro.replicates(odd.id),
            lambda: space.repro.record(odd.id, made),
            lambda: space.review.evaluate_gates(odd.id),
            lambda: space.review.request_review(NewReview(odd.id, "Odd")),
        ]
