"""Text compares by code point in PostgreSQL too, as it does in SQLite, whatever the database's locale.

The statement is part of every migration there (see ``_BY_CODE_POINT``): this one brings it to workspaces made before.
"""

from __future__ import annotations

UP: list[str] = []
DOWN: list[str] = []
