"""Forges: reviews shown at the commits that they are about, and pushes heard of."""
