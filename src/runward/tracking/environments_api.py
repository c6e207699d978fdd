"""The contract of environments: what was installed for a run, and what its lock files say."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.tracking.environments_model import EnvironmentDifferences, LockContent, RunEnvironment


class Environments(Protocol):
    """Thread-safe. Reads only."""

    room: ClassVar[str] = "environments"

    @operation("GET", "/runs/{run_id}/environment", may="run.read", on="run_id")
    def environment(self, run_id: str) -> RunEnvironment:
        """Python, packages and lock files of a run. Raises: NotFoundError (nothing was captured)."""
        ...

    @operation("GET", "/runs/{run_id}/locks/content", may="run.read", on="run_id")
    def lock_content(self, run_id: str, path: str) -> LockContent:
        """What a lock file of the captured tree says; what could not be read is named. Raises: NotFoundError."""
        ...

    @operation("GET", "/environment-differences", may="run.read", on=ON_LIST)
    def environment_differences(self, first: str, second: str) -> EnvironmentDifferences:
        """How the environments of two runs differ: Python, packages, lock files by ecosystem. Raises: NotFoundError."""
        ...
