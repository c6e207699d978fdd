"""Cards of versions, on every backend."""

from __future__ import annotations

from runward.testing.modelcards import ModelCardsSuite, ModelGatesSuite
from runward.testing.modelversions import model

__all__ = ["TestModelCards", "TestModelGates", "model"]


class TestModelCards(ModelCardsSuite):
    """On a folder, PostgreSQL, and HTTP on both."""


class TestModelGates(ModelGatesSuite):
    """On a folder, PostgreSQL, and HTTP on both."""
