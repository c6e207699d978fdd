"""Tests, types, coverage and security of a run's own code, found out by running the tools in its rebuilt environment."""
