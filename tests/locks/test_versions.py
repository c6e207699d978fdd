"""Versions and markers, against the ``packaging`` library."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker, default_environment
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runward.errors import InvalidError
from runward.tracking.locks.versions import applies, same_version, satisfies, version_key

_VERSIONS = """1.0.dev1 1.0a1.dev1 1.0a1 1.0a1.post1 1.0b2 1.0rc1 1.0 1.0+cpu 1.0+cu121 1.0.post1.dev2 1.0.post1 1.0.1 1.1
    1.9 1.10 1.10.0.1 2 9 10 20240101 20240101123456 1!0.1"""
ORDERED = _VERSIONS.split()

versions = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 120).map(str), min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", "a0", "a1", "b2", "rc10", "alpha3", "-pre.4"]),
    st.sampled_from(["", ".post0", ".post12", "-3", "r4"]),
    st.sampled_from(["", ".dev0", "dev11"]),
)


def test_texts_sort_as_versions_do() -> None:
    """By code point, as a database compares them."""
    assert sorted(ORDERED, key=version_key) == ORDERED


@given(versions, versions)
def test_order_is_that_of_packaging(first: str, second: str) -> None:
    """Less, equal and greater."""
    a, b = Version(first), Version(second)
    keys = version_key(first), version_key(second)
    assert (keys[0] < keys[1], keys[0] == keys[1]) == (a < b, a == b)


def test_what_is_no_version_comes_last_and_is_itself() -> None:
    """Maven's words, conda's letters."""
    assert version_key("32.1.2-jre") > version_key("99999")
    assert not same_version("2024b", "2024a")
    assert same_version("1.0", "1.0.0")
    assert same_version("v1.0.RC1", "1.0rc1")


SPECIFIERS = [">=3.11,<3.15", "==3.11.*", "!=3.11.*", "~=3.11.2", "~=3.9", "==3.11.7", ">3.11", "<=3.11.7,!=3.11.5", ""]


@pytest.mark.parametrize(
    ("specifier", "version"), [*itertools.product(SPECIFIERS, ["3.9.1", "3.11.2", "3.11.7", "3.12.0", "3.15.1"])]
)
def test_specifiers(specifier: str, version: str) -> None:
    """As packaging says."""
    assert satisfies(version, specifier) == (Version(version) in SpecifierSet(specifier))


def test_a_specifier_that_is_none() -> None:
    """Poetry's caret, for one."""
    with pytest.raises(InvalidError, match=r"\^3\.9"):
        satisfies("3.11.0", "^3.9")


@pytest.mark.parametrize(
    "marker",
    [
        "python_version >= '3.10'",
        "python_version < \"3.9\" or python_full_version >= '3.11.0'",
        "sys_platform == 'win32' and python_version > '3' or os_name == 'posix'",
        "(sys_platform == 'win32' or sys_platform == 'linux') and platform_machine != 'x'",
        "'linux' in sys_platform",
        "platform_machine not in 'a b c'",
        "implementation_name == 'cpython' and extra == 'foo'",
        "python_version ~= '3.11'",
        "'3.9' <= python_version",
        "platform_python_implementation != 'CPython'",
    ],
)
def test_markers(marker: str) -> None:
    """As packaging says, in this environment."""
    environment = {**{key: str(value) for key, value in default_environment().items()}, "extra": ""}
    assert applies(marker, environment) == Marker(marker).evaluate(environment)


def test_extras_of_a_pylock() -> None:
    """PEP 751's collections."""
    environment = {"extras": ("cli",), "dependency_groups": ()}
    assert applies("'cli' in extras", environment)
    assert not applies("'dev' in dependency_groups", environment)


@pytest.mark.parametrize(
    "marker",
    ["nonsense", "python_version", "python_version >=", "(python_version > '3'", "python_version > '3' )", "a == 'b'",
     "python_version = '3'", "extras == 'x'", "x" * 30_000, "(" * 5_000],
)  # fmt: skip
def test_markers_that_are_none(marker: str) -> None:
    """Are refused, whatever they hold."""
    with pytest.raises(InvalidError):
        applies(marker, {"python_version": "3.11", "extras": ()})
