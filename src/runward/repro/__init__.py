"""Rebuild, rerun, compare, levels and certificates."""
