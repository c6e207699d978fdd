"""Benchmarks: ``uv run python -m tests.bench``. Ratios against peers in the same run; never asserted in tests."""
