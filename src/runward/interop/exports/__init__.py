"""Runs taken out of a workspace, in forms that other tools read."""
