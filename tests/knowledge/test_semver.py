"""How versions follow each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runward.errors import AlreadyExistsError, InvalidError
from runward.knowledge.semver import FIRST, Version, check_follows, newest_of, parse_version

VERSIONS = st.builds(Version, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


@given(st.lists(VERSIONS, max_size=12))
def test_what_was_let_in_has_no_gap(tried: list[Version]) -> None:
    """Whatever is tried in whatever order: each version follows a smaller one that is there, and none comes twice."""
    there: list[Version] = []
    for version in tried:
        try:
            before = check_follows(version, there, "x")
        except (InvalidError, AlreadyExistsError):
            continue
        assert version not in there
        assert before is None or (before in there and version in before.follows)
        there.append(version)
    assert not there or there[0] in FIRST


@given(st.lists(VERSIONS, min_size=1, unique=True), VERSIONS)
def test_a_wish_finds_the_newest_that_it_allows(there: list[Version], wanted: Version) -> None:
    assert parse_version(str(wanted)) == wanted
    assert newest_of(there, "", "x") == max(there)
    for version in there:
        assert newest_of(there, str(version), "x") == version
        found = newest_of(there, f"^{version}", "x")
        assert found >= version
        assert not found.breaks(version)
        assert newest_of(there, f"~{version}", "x")[:2] == version[:2]
