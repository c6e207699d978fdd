"""Notebooks are compared cell by cell, what they printed apart."""

from __future__ import annotations

import difflib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.tracking.codediff import changed_files, file_changes
from runward.tracking.notebooks import code_cells
from runward.tracking.patches import reverted


def _cell(source: str, *outputs: dict[str, Any], count: int = 1) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"id{count}",
        "execution_count": count,
        "metadata": {"collapsed": count},
        "source": source.splitlines(keepends=True),
        "outputs": list(outputs),
    }


def _said(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": [text]}


def _notebook(*cells: dict[str, Any]) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)})


def _changes(before: str, after: str) -> dict[str, str]:
    blobs = {digest_bytes(text.encode()): text.encode() for text in (before, after)}
    captures = [
        json.dumps({"files": [{"path": "nb.ipynb", "digest": digest_bytes(text.encode()), "mode": "file"}]}).encode()
        for text in (before, after)
    ]
    return {found.path: found.diff for found in changed_files(lambda digest: blobs.get(Digest(digest)), *captures)}


def test_cells_and_outputs_are_told_apart() -> None:
    """A changed line shows with its cell; counters, ids and metadata are no change."""
    text = {"cell_type": "markdown", "source": "# Title"}
    picture = {"output_type": "display_data", "data": {"image/png": "x" * 1234, "text/plain": ["<Figure>"]}}
    before = _notebook(text, _cell("a = 1\nprint(a)\n", _said("1\n")), _cell("plot(a)", count=2))
    after = _notebook(text, _cell("a = 2\nprint(a)\n", _said("2\n"), count=7), _cell("plot(a)", picture, count=8))
    found = _changes(before, after)
    assert list(found) == ["nb.ipynb", "nb.ipynb (outputs)"]
    assert [line for line in found["nb.ipynb"].splitlines()[3:] if line[0] in "+-"] == ["-a = 1", "+a = 2"]
    assert " # %% cell 1" in found["nb.ipynb"].splitlines()
    printed = found["nb.ipynb (outputs)"]
    assert "-1" in printed.splitlines()
    assert "+2" in printed.splitlines()
    assert "+<image/png, 1,234 characters>" in printed.splitlines()
    assert "xxxx" not in printed


def test_a_notebook_that_only_ran_again_has_no_changed_cell() -> None:
    once, again = (_notebook(_cell("a = 1", _said("1"), count=count)) for count in (1, 2))
    assert _changes(once, again) == {"nb.ipynb": ""}


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"cells": 3}', '{"cells": [{"source": 3}]}', "null"])
def test_what_is_no_notebook_is_compared_as_text(broken: str) -> None:
    whole = _notebook(_cell("a = 1"))
    assert code_cells(broken) == []
    found = _changes(whole, broken)
    assert "a = 1" in found["nb.ipynb"]


def test_an_error_is_shown_by_its_name() -> None:
    failed = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["\x1b[31m secret path"]}
    found = _changes(_notebook(_cell("f()")), _notebook(_cell("f()", failed)))
    assert "+ValueError: no" in found["nb.ipynb (outputs)"].splitlines()
    assert "traceback" not in found["nb.ipynb (outputs)"]


_TEXTS = st.lists(st.sampled_from(["a", "b", "@@ -1 +1 @@", "--- a", ""]), min_size=1, max_size=30).map("\n".join)


@given(_TEXTS, _TEXTS, st.integers(0, 3))
def test_a_diff_can_be_undone(before: str, after: str, context: int) -> None:
    """Whatever changed, and however many lines around it the diff shows."""
    old, new = before.split("\n"), after.split("\n")
    diff = "\n".join(difflib.unified_diff(old, new, "a/x", "b/x", n=context, lineterm=""))
    assert reverted(after, diff) == (before if before != after else None)


def test_a_diff_of_something_else_is_not_undone() -> None:
    """A wrong former text would be shown as somebody's change."""
    assert reverted("x\ny", "@@ -1,2 +1,2 @@\n a\n-b\n+y") is None
    assert reverted("x", "@@ -1,3 +1,3 @@\n-a\n+x") is None
    assert reverted("x", "Binary files differ") is None


def test_a_notebook_that_was_not_committed_is_shown_by_cells(tmp_path: Path) -> None:
    """From git's diff and what was captured, without git."""
    before = _notebook(_cell("a = 1\n", _said("1\n")), _cell("b = 1\n", count=2))
    after = _notebook(_cell("a = 2\n", _said("2\n"), count=5), _cell("b = 1\n", count=6))
    before, after = (json.dumps(json.loads(text), indent=1) for text in (before, after))
    file = tmp_path / "nb.ipynb"
    file.write_text(before)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    file.write_text(after)
    diff = subprocess.run([*git, "diff", "HEAD"], check=True, capture_output=True).stdout
    blobs = {digest_bytes(data): data for data in (after.encode(), diff)}
    document = {
        "files": [{"path": "nb.ipynb", "digest": digest_bytes(after.encode()), "mode": "file"}],
        "changed": ["nb.ipynb"],
        "diff": digest_bytes(diff),
    }
    found = file_changes(lambda digest: blobs.get(Digest(digest)), json.dumps(document).encode())
    assert [one.path for one in found] == ["nb.ipynb", "nb.ipynb (outputs)"]
    assert [line for line in found[0].diff.splitlines()[3:] if line[0] in "+-"] == ["-a = 1", "+a = 2"]
