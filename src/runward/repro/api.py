"""The contract of reproduction: what verifications found."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.repro.records import NewVerification, ReplicateGroup, SigningKey, Verification, VerificationDetail


class Repro(Protocol):
    """Thread-safe. A client carries a verification out and records it here; no level is shown without its record."""

    room: ClassVar[str] = "repro"

    @operation("POST", "/runs/{run_id}/verifications", may="verify.write", on="run_id")
    def record(self, run_id: str, new: NewVerification) -> VerificationDetail:
        """Record a verification's report and sign its certificate with the workspace's key.

        Raises: InvalidError (the parts of the report contradict its verdict or level; what they say is worked out again).
        """
        ...

    @operation("GET", "/runs/{run_id}/replicates", may="run.read", on="run_id")
    def replicates(self, run_id: str) -> ReplicateGroup:
        """A run and those that differ from it in nothing but the seed, each metric with mean and 95 % interval."""
        ...

    @operation("GET", "/verifications", may="verification.read", on=ON_LIST)
    def list_verifications(
        self,
        project: str = "",
        run_id: str = "",
        verdict: str = "",
        level: str = "",
        before: str = "",
        limit: int = 200,
    ) -> list[Verification]:
        """Verifications, newest first: with a verdict, of attempts at a level, older than another one."""
        ...

    @operation("GET", "/verifications/{verification_id}", may="verification.read", on="verification_id")
    def get_verification(self, verification_id: str) -> VerificationDetail:
        """A verification with its report and certificate."""
        ...

    @operation("GET", "/signing-key", may="verification.read", on=ON_LIST)
    def signing_key(self) -> SigningKey:
        """The key with which anybody checks this workspace's certificates, offline; made when it is first asked for."""
        ...
