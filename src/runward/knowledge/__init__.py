"""Practices, decisions, guides and cards, with search and advice."""
