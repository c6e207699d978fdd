"""Runward: ML experiments that a team can trust."""
