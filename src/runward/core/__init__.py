"""Ids, clock, canonical JSON, hashing, operation declarations, events and settings."""
