"""Runs the suite of permissions on every backend."""

from runward.testing.permissions import PermissionsSuite


class TestPermissions(PermissionsSuite):
    """See the suite."""
