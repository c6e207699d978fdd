"""What a version is made of, on every backend."""

from __future__ import annotations

from runward.testing.modelversions import ModelVersionsSuite, model

__all__ = ["TestModelVersions", "model"]


class TestModelVersions(ModelVersionsSuite):
    """On a folder, PostgreSQL, and HTTP on both."""
