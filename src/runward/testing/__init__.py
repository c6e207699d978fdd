"""Shipped test tools: a pytest plugin and the suites that every backend of a room has to pass."""
