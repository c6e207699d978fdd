"""Jupyter notebooks (format 4) as text that can be compared: the cells, and apart from them what they printed.

Cells come in the percent format that editors know (``# %%``). Counters, ids and metadata are left out: they change each time
a notebook is opened.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Cell(msgspec.Struct):
    """A cell; ``source`` and outputs are text or lists of lines."""

    cell_type: str = ""
    source: list[str] | str = ""
    outputs: list[dict[str, Any]] = []


class _Notebook(msgspec.Struct):
    cells: list[Cell] = []


def read_cells(notebook: str) -> list[Cell] | None:
    """The cells of a notebook; None for what is none."""
    try:
        return msgspec.json.decode(notebook, type=_Notebook).cells
    except (msgspec.DecodeError, RecursionError):
        return None


def code_cells(notebook: str) -> list[str]:
    """The source of a notebook's code cells, in order; empty for what is no notebook."""
    return [_text(cell.source) for cell in read_cells(notebook) or [] if cell.cell_type == "code"]


def sources(cells: list[Cell]) -> str:
    """All cells as one text; code cells are numbered from 1."""
    parts, number = [], 0
    for cell in cells:
        number += cell.cell_type == "code"
        head = f"# %% cell {number}" if cell.cell_type == "code" else f"# %% [{cell.cell_type}]"
        parts.append(f"{head}\n{_text(cell.source).rstrip()}\n")
    return "\n".join(parts)


def outputs(cells: list[Cell]) -> str:
    """What the code cells printed or drew; of what is no text only its kind and size."""
    parts = []
    for number, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        if shown := [_output(one) for one in cell.outputs]:
            parts.append(f"# %% cell {number}\n" + "\n".join(shown) + "\n")
    return "\n".join(parts)


def _output(output: dict[str, Any]) -> str:
    if output.get("output_type") == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    if "text" in output:
        return _text(output["text"]).rstrip()
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    if "text/plain" in data and len(data) == 1:
        return _text(data["text/plain"]).rstrip()
    return "\n".join(f"<{kind}, {len(_text(value)):,} characters>" for kind, value in sorted(data.items()))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
