"""Declared versions and types, against what is there."""

from __future__ import annotations

import collections
import decimal
from typing import Any

import pytest

from runward.errors import InvalidError
from runward.team.declared import type_problem, version_key, version_problem


@pytest.mark.parametrize(
    ("wanted", "installed"),
    [
        ("1.12.0", "1.12"),
        ("1.12", "1.12.0+cu118"),
        (">=1.12,<3", "2.0.1"),
        (">=1.12, <3", "1.12"),
        ("~=2.1", "2.9"),
        ("~=2.1.3", "2.1.10"),
        ("==1.*", "1.99.2"),
        ("!=1.5.*", "1.6"),
        (">1.0rc1", "1.0"),
        ("~=2.1.post1", "2.9"),
        ("==1.0.post1", "1.0.post1"),
        ("v2.0", "2"),
    ],
)
def test_versions_that_meet_what_is_declared(wanted: str, installed: str) -> None:
    assert version_problem(wanted, installed) == ""


@pytest.mark.parametrize(
    ("wanted", "installed"),
    [
        ("1.12.0", "1.12.1"),
        (">=1.12,<3", "3.0"),
        (">=1.12,<3", "1.9"),
        ("~=2.1", "3.0"),
        ("~=2.1.3", "2.2"),
        ("==1.*", "2.0"),
        ("!=1.5.*", "1.5.9"),
        (">=1.0", "1.0rc1"),
        (">=1.0a1", "1.0.dev3"),
        ("<1.0", "1.0.dev3"),
        (">1.0", "1.0.post1"),
    ],
)
def test_versions_that_do_not(wanted: str, installed: str) -> None:
    assert version_problem(wanted, installed) == f"{installed}, declared is {wanted}"


@pytest.mark.parametrize("wanted", ["latest", "", ">=", "1.0;2", "~=1", ">=1.*"])
def test_what_is_no_version_is_refused(wanted: str) -> None:
    with pytest.raises(InvalidError, match="no version and no specifier"):
        version_problem(wanted, "1.0")


def test_versions_are_ordered_as_in_pep_440() -> None:
    ordered = ["1.dev0", "1.0a1", "1.0a2", "1.0b1", "1.0rc1", "1.0", "1.0.post1", "1.1", "1.10", "1!0.1"]
    keys = [key for version in ordered if (key := version_key(version)) is not None]
    assert len(keys) == len(ordered)
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("declared", "value", "found"),
    [
        ("float", 1, ""),
        ("float", "1", "str"),
        ("int", True, "bool"),
        ("bool", True, ""),
        ("Dict[str, List[float]]", {}, ""),
        ("dict", [], "list"),
        ("list[int] | None", (), "tuple"),
        ("Optional[float]", None, ""),
        ("Union[int, str]", "x", ""),
        ("collections.OrderedDict", {}, "dict"),
        ("collections.OrderedDict", collections.OrderedDict(), ""),
        ("decimal.Decimal", decimal.Decimal(1), ""),
        ("torch.nn.Module", 3, "int"),
        ("torch.nn.Module", None, ""),
        ("a trained model", 3, ""),
        ("", 3, ""),
        ("dict", collections.OrderedDict(), ""),
    ],
)
def test_types(declared: str, value: Any, found: str) -> None:
    assert type_problem(declared, value) == found
