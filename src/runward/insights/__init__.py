"""Figures about the team: reads everything, writes nothing."""
