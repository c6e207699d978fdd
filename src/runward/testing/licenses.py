"""What every backend says of the licences of the packages that a run had installed."""

from __future__ import annotations

import msgspec
import pytest

from runward.errors import InvalidError
from runward.review.model import CheckResult, Standards, Verdict
from runward.testing.worlds import World
from runward.tracking.capture.model import EnvironmentSnapshot, License, Package
from runward.tracking.model import CapturePart, RunEnd, RunStatus

_MIT = License("MIT")
_GPL = License("", "GPL v3", ["OSI Approved :: GNU General Public License v3 (GPLv3)"])


def judged(world: World, packages: dict[str, License | None] | None, **rules: list[str]) -> CheckResult:
    """The gate on the licences of a run that had these packages; None for a run without a captured environment."""
    world.owner.review.set_standards(world.project, msgspec.convert(rules, Standards))
    space = world.member()
    run = world.run(space)
    if packages is not None:
        snapshot = EnvironmentSnapshot(
            python="3.12.1",
            implementation="CPython",
            executable="",
            prefix="",
            platform="Linux",
            packages=[Package(name=name, version="1.2", license=license) for name, license in packages.items()],
            digest="d",
        )
        digest = space.files.put_bytes(world.project, msgspec.json.encode(snapshot))
        space.tracking.put_captures(run.id, [CapturePart("environment", digest, {})])
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    (gate,) = (one for one in space.review.gates(run.id).results if one.name == "licenses")
    assert gate.required
    return gate


class LicensesSuite:
    """``allowed_licenses`` and ``forbidden_licenses`` of standards."""

    def test_allowed_licences_pass(self, world: World) -> None:
        """By expression, by name and by classifier, with the count of each."""
        apache = License("", "", ["OSI Approved :: Apache Software License"])
        gate = judged(
            world,
            {"attrs": _MIT, "six": License("", "MIT License"), "rest": apache},
            allowed_licenses=["MIT", "Apache-*"],
        )
        assert (gate.verdict, gate.message) == (
            Verdict.PASS, "the licences of 3 packages may be used: 2 MIT, 1 Apache-2.0",
        )  # fmt: skip

    @pytest.mark.parametrize("rules", [{"allowed_licenses": ["MIT"]}, {"forbidden_licenses": ["GPL-3*"]}])
    def test_a_refused_one_is_named(self, world: World, rules: dict[str, list[str]]) -> None:
        """With its version, its licence and the words that say so; it weighs more than one that is not known."""
        gate = judged(world, {"attrs": _MIT, "readline": _GPL, "huey": License()}, **rules)
        assert gate.verdict is Verdict.FAIL
        assert [item.message for item in gate.evidence] == [
            "readline 1.2: GPL-3.0-only (License: GPL v3; Classifier: OSI Approved :: GNU General Public License v3 (GPLv3))"
        ]

    def test_what_is_not_known_is_undecided(self, world: World) -> None:
        """With the list of such packages; a person who looked at one lets it in by name."""
        packages = {"attrs": _MIT, "huey": License(), "odd-one": License("", "see COPYING"), "old": None}
        gate = judged(world, packages, forbidden_licenses=["AGPL-*"])
        assert (gate.verdict, gate.message) == (
            Verdict.UNDECIDED,
            "it cannot be told of 3 package(s): huey, odd-one, old",
        )
        assert [item.message for item in gate.evidence] == [
            "huey 1.2: not known (nothing)",
            "odd-one 1.2: not known (License: see COPYING)",
            "old 1.2: not known (not captured)",
        ]
        looked = ["MIT", "package:huey", "package:odd_one", "package:Old"]
        assert judged(world, packages, allowed_licenses=looked).verdict is Verdict.PASS

    @pytest.mark.parametrize("packages", [None, {}, {"attrs": None}])
    def test_without_a_capture_nothing_is_decided(
        self, world: World, packages: dict[str, License | None] | None
    ) -> None:
        """Neither of a run that was not captured nor of one captured before licences were."""
        gate = judged(world, packages, allowed_licenses=["MIT"])
        assert (gate.verdict, "not captured" in gate.message) == (Verdict.UNDECIDED, True)

    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            ({"allowed_licenses": ["MITT"]}, "allowed_licenses: 'MITT'"),
            ({"forbidden_licenses": ["GPL v3"]}, "forbidden_licenses: 'GPL v3'"),
            ({"allowed_licenses": ["MIT OR Apache-2.0"]}, "no SPDX licence"),
            ({"forbidden_licenses": ["package:huey"]}, "no SPDX licence"),
            ({"allowed_licenses": ["MIT"], "forbidden_licenses": ["mit"]}, "in allowed_licenses and in forbidden"),
        ],
    )
    def test_rules_are_licences(self, world: World, rules: dict[str, list[str]], said: str) -> None:
        """Refused with the entry that is none, and what it may have meant."""
        with pytest.raises(InvalidError, match=said) as refused:
            world.owner.review.set_standards(world.project, msgspec.convert(rules, Standards))
        assert refused.value.hint
