"""The contract of findings: how often results were reproduced, and why two of them differ."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.repro.findings_model import ExplanationDetail, ExplanationLine, NewExplanation, VerificationRates


class Findings(Protocol):
    """Thread-safe. A client finds out by reruns and records it here; no cause is shown without the reruns that show it."""

    room: ClassVar[str] = "findings"

    @operation("GET", "/verification-rates", may="verification.read", on=ON_LIST)
    def verification_rates(self, project: str = "") -> VerificationRates:
        """Attempted and reproduced runs of a project and those below it, or of all, level by level."""
        ...

    @operation("POST", "/runs/{run_id}/explanations", may="verify.write", on="run_id")
    def record_explanation(self, run_id: str, new: NewExplanation) -> ExplanationDetail:
        """Record what makes another run differ from this one, or this one from itself.

        Raises: NotFoundError (the other run), InvalidError (its reruns do not show what it says).
        """
        ...

    @operation("GET", "/runs/{run_id}/explanations", may="verification.read", on="run_id")
    def list_explanations(self, run_id: str, limit: int = 50) -> list[ExplanationLine]:
        """Explanations that speak of a run, as the first or the second, newest first."""
        ...

    @operation("GET", "/explanations/{explanation_id}", may="verification.read", on="explanation_id")
    def get_explanation(self, explanation_id: str) -> ExplanationDetail:
        """An explanation with its reruns."""
        ...
