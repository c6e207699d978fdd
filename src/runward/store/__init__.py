"""Database, blob store and migrations: knows no capability."""
