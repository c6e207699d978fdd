"""Licences by what metadata says, and rules on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.errors import InvalidError
from runward.review.licenses import admitted, check_rules, stated
from runward.tracking.capture.licenses import read_license
from runward.tracking.capture.model import License


@pytest.mark.parametrize(
    ("license", "expression"),
    [
        (License("apache-2.0 or mit"), "Apache-2.0 OR MIT"),
        (License("MIT", "BSD", ["OSI Approved :: BSD License"]), "MIT"),
        (License("My own words"), ""),
        (License("", "Apache License, Version 2.0"), "Apache-2.0"),
        (License("", "The Apache 2.0 license"), "Apache-2.0"),
        (License("", "New BSD", ["OSI Approved :: BSD License"]), "BSD-3-Clause"),
        (License("", "3-Clause BSD License"), "BSD-3-Clause"),
        (License("", "2-clause BSD"), "BSD-2-Clause"),
        (License("", "MIT OR AFL-2.1"), "MIT OR AFL-2.1"),
        (License("", "GPLv3"), "GPL-3.0-only"),
        (License("", "GPLv3+"), "GPL-3.0-or-later"),
        (License("", "LGPL v2.1"), "LGPL-2.1-only"),
        (License("", "MPLv2"), "MPL-2.0"),
        (License("", "Copyright (c) 2015", ["OSI Approved :: MIT License"]), "MIT"),
        (License("", "UNKNOWN", ["OSI Approved :: ISC License (ISCL)"]), "ISC"),
        (License("", "", ["OSI Approved :: BSD License"]), "LicenseRef-BSD"),
        (License("", "", ["OSI Approved :: GNU General Public License v2 or later (GPLv2+)"]), "GPL-2.0-or-later"),
        (License("", "", ["OSI Approved :: GNU Lesser General Public License v3 or later (LGPLv3+)"]), "LGPL-3.0-or-later"),
        (License("", "", ["OSI Approved :: GNU Affero General Public License v3"]), "AGPL-3.0-only"),
        (License("", "", ["OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)"]), "MPL-2.0"),
        (License("", "", ["OSI Approved :: Python Software Foundation License"]), "PSF-2.0"),
        (License("", "", ["Other/Proprietary License"]), "LicenseRef-Proprietary"),
        (License("", "Dual License", ["OSI Approved :: BSD License", "OSI Approved :: MIT License"]), "LicenseRef-BSD AND MIT"),
        (License("", "MIT License", ["OSI Approved :: Apache Software License"]), "Apache-2.0 AND MIT"),
        (License("", "", ["OSI Approved"]), ""),
        (License("", "GPLv2 with linking exception"), ""),
        (License(), ""),
    ],
)  # fmt: skip
def test_metadata_is_read_as_spdx(license: License, expression: str) -> None:
    """A name that could mean several things means none of them."""
    assert stated(license).expression == expression


def test_it_says_where_it_is_said() -> None:
    """The field with its own words."""
    assert stated(License("MIT")).says == "License-Expression: MIT"
    assert stated(License("", "Copyright me", ["OSI Approved :: MIT License"])).says == (
        "Classifier: OSI Approved :: MIT License"
    )


@pytest.mark.parametrize(
    ("expression", "allowed", "forbidden", "answer"),
    [
        ("MIT", ["mit"], [], True),
        ("MIT", ["Apache-2.0"], [], False),
        ("MIT", [], ["GPL-*"], True),
        ("MIT OR GPL-3.0-only", ["MIT"], [], True),
        ("MIT OR GPL-3.0-only", [], ["GPL-*"], True),
        ("MIT AND GPL-3.0-only", ["MIT"], [], False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", ["MPL-2.0", "MIT"], [], True),
        ("(MPL-2.0 AND Zlib) OR MIT", ["MPL-2.0"], [], False),
        ("GPL-3.0-only WITH GCC-exception-3.1", [], ["GPL-*"], False),
        ("GPL-3.0-only WITH GCC-exception-3.1", ["GPL-3.0-only WITH GCC-exception-3.1"], ["GPL-3.0-only"], True),
        ("GPL-3.0-only WITH GCC-exception-3.1", ["GPL-3.0-only"], [], True),
        ("GPL-3.0-only", ["GPL-3.0-only WITH GCC-exception-3.1"], [], False),
        ("LicenseRef-BSD", ["BSD-3-Clause"], [], None),
        ("LicenseRef-BSD", ["BSD-*"], [], True),
        ("LicenseRef-BSD", ["LicenseRef-BSD"], [], True),
        ("LicenseRef-BSD", ["MIT"], [], False),
        ("LicenseRef-GPL", [], ["GPL-3.0-only"], None),
        ("LicenseRef-GPL", [], ["GPL-*"], False),
        ("LicenseRef-GPL", [], ["LicenseRef-GPL"], False),
        ("LicenseRef-GPL OR MIT", ["MIT"], [], True),
        ("LicenseRef-BSD AND MIT", ["MIT", "BSD-2-Clause"], [], None),
        ("", ["MIT"], [], None),
    ],
)
def test_rules_let_in_or_not(expression: str, allowed: list[str], forbidden: list[str], answer: bool | None) -> None:
    """Yes, no, or not known."""
    assert admitted(expression, allowed, forbidden) is answer


_IDS = st.sampled_from(["MIT", "Apache-2.0", "GPL-3.0-only", "LicenseRef-BSD"])
_TREES = st.recursive(_IDS, lambda inner: st.builds(lambda a, b, op: f"({a} {op} {b})", inner, inner, st.sampled_from(["AND", "OR"])))  # fmt: skip


@given(_TREES, st.lists(_IDS))
def test_what_is_allowed_is_not_refused_by_allowing_more(tree: str, allowed: list[str]) -> None:
    """And everything is let in where all of its licences are."""
    if allowed and admitted(tree, allowed, []):
        assert admitted(tree, [*allowed, "MIT"], []) is True
    assert admitted(tree, ["*"], []) is True
    assert admitted(tree, [], ["*"]) is False


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3))
def test_no_words_break_it(text: str, classifiers: list[str]) -> None:
    """Metadata comes from anybody; what is read can be judged."""
    for license in (License(text), License("", text, classifiers)):
        assert admitted(stated(license).expression, ["MIT"], []) in (True, False, None)


@pytest.mark.parametrize(("rule", "hint"), [("Apache 2.0", "Apache-2.0"), ("MITT", "MIT"), ("MIT, ISC", "one licence")])
def test_a_wrong_rule_hears_what_it_may_have_meant(rule: str, hint: str) -> None:
    """In the hint."""
    with pytest.raises(InvalidError) as refused:
        check_rules([rule], [])
    assert hint in refused.value.hint


def test_metadata_is_read_up_to_its_description(tmp_path: Path) -> None:
    """The body of the file may hold anything, and so may the lines of a long licence."""
    (tmp_path / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: x\nLicense: BSD 3-Clause License\n        \n        License: GPL\n"
        "Classifier: Topic :: X\nClassifier: License :: OSI Approved :: BSD License\nLicense-Expression: BSD-3-Clause\n"
        "\nLicense-Expression: GPL-3.0-only\n"
    )
    assert read_license(tmp_path) == License("BSD-3-Clause", "BSD 3-Clause License", ["OSI Approved :: BSD License"])
    assert read_license(tmp_path / "nowhere") == License()
