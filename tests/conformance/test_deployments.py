"""Deployments, on every backend."""

from __future__ import annotations

from runward.testing.deployments import DeploymentsSuite, HandoffsSuite
from runward.testing.modelversions import model

__all__ = ["TestDeployments", "TestHandoffs", "model"]


class TestDeployments(DeploymentsSuite):
    """On a folder, PostgreSQL, and HTTP on both."""


class TestHandoffs(HandoffsSuite):
    """On a folder, PostgreSQL, and HTTP on both."""
