"""Registered models, their versions and aliases; documents and files that foreign protocols keep."""
