"""Gates on what a run stands on: the packages that were installed, the data that it read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from runward.data.spans import unversioned_reads
from runward.errors import InvalidError
from runward.policy.uses import Use, uses_of
from runward.review.licenses import Stated, admitted, is_exempt, stated
from runward.review.model import CheckResult, EvidenceItem, Standards, Verdict
from runward.store.database import Tx
from runward.tracking.capture.environment import normalised_name
from runward.tracking.capture.model import License
from runward.tracking.locks.versions import satisfies
from runward.tracking.packages import installed

_PACKAGE = re.compile(r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<versions>.*)")
_SHOWN = 20
_NAMED = 6


def package_rule(text: str) -> tuple[str, str]:
    """Name and version specifier of ``torch<2.1``. Raises: InvalidError."""
    found = _PACKAGE.fullmatch(text)
    if found is None:
        raise InvalidError(f"forbidden_packages: {text[:80]!r} names no package", hint="such as torch<2.1, or a name")
    satisfies("1.0", found["versions"])
    return normalised_name(found["name"]), found["versions"]


def input_gates(tx: Tx, run_id: str, standards: Standards) -> list[CheckResult]:
    """The gates on packages and data that the standards ask for; what was not captured is undecided."""
    gates = []
    if standards.forbidden_packages:
        gates.append(_packages(installed(tx, run_id), standards.forbidden_packages))
    if standards.data_versioned:
        gates.append(_data(unversioned_reads(tx, run_id)))
    # What may be done with data about people is nothing that a project's standards could leave out.
    return [*gates, *_use(uses_of(tx, run_id))]


def _use(found: list[Use]) -> list[CheckResult]:
    if not found:
        return []
    wrong = [EvidenceItem(f"{use.dataset} ({use.label}): {use.problem}") for use in found if use.problem]
    if wrong:
        return [_gate("data use", Verdict.FAIL, f"{len(wrong)} restricted dataset(s) may not be used for this", wrong)]
    names = ", ".join(f"{use.dataset} ({use.label})" for use in found[:_NAMED])
    return [_gate("data use", Verdict.PASS, f"the run's purpose is one of those of {names}", [])]


def _packages(present: dict[str, str] | None, rules: list[str]) -> CheckResult:
    if present is None:
        return _gate("packages", Verdict.UNDECIDED, "it was not captured which packages were installed")
    found = [
        EvidenceItem(f"{name} {present[name]} is installed; {rule!r} is forbidden")
        for rule, (name, versions) in ((rule, package_rule(rule)) for rule in rules)
        if name in present and satisfies(present[name], versions)
    ]
    if found:
        return _gate("packages", Verdict.FAIL, f"{len(found)} forbidden package(s) installed", found)
    return _gate("packages", Verdict.PASS, f"none of {len(present)} packages is forbidden")


class _Installed(msgspec.Struct):
    name: str
    version: str
    license: License | None = None


def license_gate(environment: Mapping[str, Any], standards: Standards) -> CheckResult:
    """Whether the licences of all packages of a captured environment may be used; what is not known is undecided."""
    packages = msgspec.convert(environment.get("packages", []), list[_Installed])
    if not any(package.license for package in packages):
        return _gate("licenses", Verdict.UNDECIDED, "it was not captured which licences the packages have")
    refused, unknown, counts = list[EvidenceItem](), dict[str, EvidenceItem](), Counter[str]()
    allowed, forbidden = standards.allowed_licenses, standards.forbidden_licenses
    for package in packages:
        found = stated(package.license) if package.license else Stated("", "not captured")
        admits = is_exempt(package.name, allowed) or admitted(found.expression, allowed, forbidden)
        line = f"{package.name} {package.version}: {found.expression or 'not known'} ({found.says})"
        counts[found.expression or "not known"] += 1
        if admits is None:
            unknown[package.name] = EvidenceItem(line)
        elif not admits:
            refused.append(EvidenceItem(line))
    if refused:
        return _gate(
            "licenses", Verdict.FAIL, f"{len(refused)} package(s) have a licence that may not be used", refused[:_SHOWN]
        )
    if unknown:
        names = ", ".join([*list(unknown)[:_NAMED], *(["…"] if len(unknown) > _NAMED else [])])
        said = f"it cannot be told of {len(unknown)} package(s): {names}"
        return _gate("licenses", Verdict.UNDECIDED, said, list(unknown.values())[:_SHOWN])
    most = ", ".join(f"{count} {name}" for name, count in counts.most_common(_NAMED))
    return _gate("licenses", Verdict.PASS, f"the licences of {len(packages)} packages may be used: {most}")


def _data(loose: list[str] | None) -> CheckResult:
    if loose is None:
        return _gate("data", Verdict.UNDECIDED, "it was not captured what the run read")
    if loose:
        found = [EvidenceItem("is in no version of a dataset: runward data add", path) for path in loose[:_SHOWN]]
        return _gate("data", Verdict.FAIL, f"{len(loose)} file(s) that the run read are not versioned", found)
    return _gate("data", Verdict.PASS, "all that the run read is in versions of datasets")


def _gate(name: str, verdict: Verdict, message: str, evidence: list[EvidenceItem] | None = None) -> CheckResult:
    return CheckResult(name, "gate", verdict, message, evidence or [], required=True)
