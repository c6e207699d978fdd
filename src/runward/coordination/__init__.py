"""Notifications, comments and what waits for whom."""
