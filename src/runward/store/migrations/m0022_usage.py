"""What a run used of its machine: memory, processor time, GPU; and where a result of CI was found."""

from __future__ import annotations

COLUMNS: dict[str, str] = {
    "peak_memory_bytes": "{int}",
    "cpu_s": "{real}",
    "peak_gpu_memory_bytes": "{int}",
    "gpu_percent": "{real}",
}
UP: list[str] = [f"ALTER TABLE runs ADD COLUMN {name} {kind}" for name, kind in COLUMNS.items()]
UP.append("ALTER TABLE ci_results ADD COLUMN evidence TEXT NOT NULL DEFAULT '[]'")
DOWN: list[str] = ["ALTER TABLE ci_results DROP COLUMN evidence"]
DOWN += [f"ALTER TABLE runs DROP COLUMN {name}" for name in reversed(COLUMNS)]
KEEPS: list[tuple[str, str]] = [
    (
        f"SELECT 1 FROM runs WHERE {' OR '.join(f'{name} IS NOT NULL' for name in COLUMNS)} LIMIT 1",
        "what runs used of their machine",
    ),
    ("SELECT 1 FROM ci_results WHERE evidence <> '[]' LIMIT 1", "the places of results of CI"),
]
