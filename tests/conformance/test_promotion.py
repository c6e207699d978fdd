"""Protected aliases, on every backend."""

from __future__ import annotations

from runward.testing.promotion import PromotionSuite, model

__all__ = ["TestPromotion", "model"]


class TestPromotion(PromotionSuite):
    """On a folder, PostgreSQL, and HTTP on both."""
