"""Settings of two runs by key, from files that may be hostile."""

from __future__ import annotations

import pytest

from runward.repro.model import InputCheck
from runward.repro.pair import closer
from tests.repro.captures import make_capture


def _names(first: bytes, second: bytes, name: str = "c.yaml") -> list[str]:
    check = InputCheck(kind="config", name=name, status="different", before="a", after="b")
    capture = make_capture()
    return [one.name for one in closer([check], capture, capture, {"a": first, "b": second}.__getitem__)]


def test_settings_are_named_by_key() -> None:
    """What a reference stands for counts where it stands."""
    base = b"base: &b {lr: 1}\nrun: {<<: *b, n: 2}\n"
    assert _names(base, base.replace(b"n: 2", b"n: 3")) == ["c.yaml: run.n"]
    assert _names(base, base.replace(b"lr: 1", b"lr: 2")) == ["c.yaml: base.lr", "c.yaml: run.lr"]


@pytest.mark.parametrize(
    "hostile",
    [
        b"a0: &a0 [1]\n" + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)),
        b"a0: &a0 {x: 1}\n" + b"".join(b"a%d: &a%d {<<: [*a%d, *a%d]}\n" % (n, n, n - 1, n - 1) for n in range(1, 60)),
        b"a: &a [*a]\n",
        b"[" * 200_000,
        b"a: 1\n" + b"#" * (1 << 20),
        b"a: [",
        b"",
    ],
    ids=["laughs", "merges", "itself", "deep", "large", "broken", "empty"],
)  # fmt: skip
def test_a_hostile_file_stays_one_input(hostile: bytes) -> None:
    """It differs, and is not taken apart: its references would stand for more than a machine has."""
    assert _names(hostile, b"a: 2\n") == ["c.yaml"]
