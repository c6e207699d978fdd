"""The checklist on source code with ``file:line`` evidence, from the syntax tree alone: nothing is imported or run.

The fifteen items carry the names of the team's checklist. What cannot be seen from outside a run (a measured peak, the
outcome of a test) is answered with *needs a person*; no item is ever assumed to be true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from runward.review.code.bandit import with_bandit
from runward.review.code.configuration import (
    configuration_validated,
    environment_specific_code_avoided,
    type_hints_used,
)
from runward.review.code.documentation import examples_provided, functions_documented, parameters_documented
from runward.review.code.performance import (
    execution_efficient,
    memory_usage_optimized,
    resource_constraints_considered,
)
from runward.review.code.safety import loads_safely, no_secrets, unseeded
from runward.review.code.source import MAX_EVIDENCE, Judgement, Source, Unreadable, is_test, read_source
from runward.review.code.standards import error_handling_implemented, naming_conventions_followed
from runward.review.code.style import Styled, style_of
from runward.review.code.testing import (
    Tests,
    edge_cases_covered,
    integration_tests_written,
    unit_tests_written,
)
from runward.review.code.tree import Tree
from runward.review.model import CheckResult, EvidenceItem, Verdict

_ALONE: dict[str, Callable[[Source], Judgement]] = {
    "type_hints_used": type_hints_used,
    "configuration_validated": configuration_validated,
    "environment_specific_code_avoided": environment_specific_code_avoided,
    "functions_documented": functions_documented,
    "parameters_documented": parameters_documented,
    "examples_provided": examples_provided,
    "memory_usage_optimized": memory_usage_optimized,
    "execution_efficient": execution_efficient,
    "resource_constraints_considered": resource_constraints_considered,
    "naming_conventions_followed": naming_conventions_followed,
    "error_handling_implemented": error_handling_implemented,
    "loads_safely": loads_safely,
    "no_secrets": no_secrets,
}
_TESTS: dict[str, Callable[[Tests, Source], Judgement]] = {
    "unit_tests_written": unit_tests_written,
    "integration_tests_written": integration_tests_written,
    "edge_cases_covered": edge_cases_covered,
}
_OF_TESTS_TOO = frozenset(
    {
        "environment_specific_code_avoided",
        "naming_conventions_followed",
        "code_style_consistent",
        "loads_safely",
        "no_secrets",
    }
)
ITEMS = (
    "type_hints_used",
    "configuration_validated",
    "environment_specific_code_avoided",
    "functions_documented",
    "parameters_documented",
    "examples_provided",
    "unit_tests_written",
    "integration_tests_written",
    "edge_cases_covered",
    "memory_usage_optimized",
    "execution_efficient",
    "resource_constraints_considered",
    "naming_conventions_followed",
    "code_style_consistent",
    "error_handling_implemented",
)
"""The items of the team's checklist, in its order."""
STRICT = (
    "type_hints_used",
    "configuration_validated",
    "functions_documented",
    "unit_tests_written",
    "naming_conventions_followed",
    "error_handling_implemented",
)
"""The six items that the checklist itself requires."""
SAFETY = ("loads_safely", "no_secrets")
"""What is checked beside the checklist."""
REQUIRED = frozenset({"parses", *SAFETY})
"""What keeps a review from being applied. The other items inform the reviewer, who decides."""
_WORSE_FIRST = (Verdict.FAIL, Verdict.NEEDS_PERSON, Verdict.PASS)


class Finding(NamedTuple):
    """One thing to mend: the rule (an item, or a code of ruff), its place, and what is wrong there."""

    rule: str
    place: EvidenceItem


class CodeReport(NamedTuple):
    """What was found in some files."""

    results: list[CheckResult]
    """The fifteen items, what is checked beside them, and ``parses`` where a file does not."""
    findings: list[Finding]
    """Grouped by rule, then by place."""


def check_sources(files: Mapping[str, str], tree: Tree | None = None, *, lint: bool = False) -> list[CheckResult]:
    """All items over some Python files and notebooks (path -> text), one result an item.

    Args:
        files: The files; their paths are those of the repository where one is given.
        tree: The repository, in which tests are looked for. Without it the items on tests need a person.
        lint: Whether ruff judges the layout too; it is a process of its own.
    """
    return check_code(files, {path: path for path in files}, tree, lint=lint).results


def check_code(
    files: Mapping[str, str],
    placed: Mapping[str, str],
    tree: Tree | None = None,
    *,
    lint: bool = True,
    also: Mapping[str, str] | None = None,
) -> CodeReport:
    """The items and all findings over some files.

    Args:
        files: Texts by the paths that evidence shows.
        placed: Where in the repository each is, by the same paths; a file outside of it is absent.
        tree: The repository.
        lint: Whether ruff judges the layout and adds its findings, and bandit its own where it is installed.
        also: Further files, of which only the safety is looked at.
    """
    read = [read_source(path, text) for path, text in sorted(files.items())]
    sources = [item for item in read if isinstance(item, Source)]
    unread = [item for item in read if isinstance(item, Unreadable) and (item.kind != "empty" or not sources)]
    if not sources and not unread:
        return CodeReport([], [])
    styled = style_of(sources, {s.path: placed.get(s.path, s.path) for s in sources}, tree) if lint else Styled({}, [])
    if lint:
        styled = styled._replace(findings=with_bandit(sources, styled.findings))
    by_item = {name: _judge_all(name, sources, placed, tree, styled) for name in (*ITEMS, *SAFETY)}
    further = [
        item for path, text in sorted((also or {}).items()) if isinstance(item := read_source(path, text), Source)
    ]
    for name in SAFETY:
        by_item[name] += _judge_all(name, further, placed, tree, styled)
    results = [*_broken(unread, sources), *(_combined(name, judged, unread) for name, judged in by_item.items())]
    findings = _findings(results, by_item, sources, styled)
    large = [Finding("too_large", EvidenceItem(u.reason, u.path, u.line)) for u in unread if u.kind == "large"]
    return CodeReport(results, large + findings)


def _broken(unread: Iterable[Unreadable], sources: Iterable[Source]) -> list[CheckResult]:
    old = [Unreadable(source.path, 1, f"it is {source.note} code", "broken") for source in sources if source.note]
    return [
        CheckResult(
            "parses", "code", Verdict.FAIL, f"{item.path} is not valid Python",
            [EvidenceItem(f"does not parse: {item.reason}", item.path, item.line)], required=True,
        )
        for item in [*unread, *old]
        if item.kind == "broken"
    ]  # fmt: skip


def _judge_all(
    name: str, sources: list[Source], placed: Mapping[str, str], tree: Tree | None, styled: Styled
) -> list[Judgement]:
    judged = [source for source in sources if name in _OF_TESTS_TOO or not is_test(source.path)] or sources
    found = [(source, _judge(name, source, placed.get(source.path), tree, styled)) for source in judged]
    return [
        item if item.evidence else item._replace(evidence=[source.evidence(1, item.message)]) for source, item in found
    ]


def _judge(name: str, source: Source, path: str | None, tree: Tree | None, styled: Styled) -> Judgement:
    if name == "code_style_consistent":
        return styled.judged.get(source.path) or _open(source, "would a formatter leave it as it is?")
    return _judge_tests(name, source, path, tree) if name in _TESTS else _ALONE[name](source)


def _judge_tests(name: str, source: Source, path: str | None, tree: Tree | None) -> Judgement:
    if tree is None or path is None:
        return _open(source, "the repository with its tests is not at hand: does a test reach this code?")
    return _TESTS[name](_tests_of(source, path, tree), source)


def _tests_of(source: Source, path: str, tree: Tree) -> Tests:
    found = source.__dict__.get("tests")
    if not isinstance(found, Tests):
        found = source.__dict__["tests"] = Tests(source, path, tree)
    return found


def _open(source: Source, question: str) -> Judgement:
    return Judgement(Verdict.NEEDS_PERSON, question, [source.evidence(1, question)])


def _combined(name: str, judged: list[Judgement], unread: list[Unreadable]) -> CheckResult:
    """The worst of all files, with its evidence."""
    judged = [*judged, *(_of_unread(item) for item in unread)]
    worst = next(verdict for verdict in _WORSE_FIRST if any(item.verdict is verdict for item in judged))
    same = [item for item in judged if item.verdict is worst]
    message = same[0].message if len(judged) == 1 else f"{len(same)} of {len(judged)} files: {same[0].message}"
    evidence = [place for item in same for place in item.evidence[: max(3, MAX_EVIDENCE // len(same))]][:MAX_EVIDENCE]
    return CheckResult(name, "code", worst, message, evidence, required=name in REQUIRED)


def _of_unread(item: Unreadable) -> Judgement:
    verdict = Verdict.FAIL if item.kind == "broken" else Verdict.NEEDS_PERSON
    return Judgement(verdict, f"it cannot be read: {item.reason}", [EvidenceItem(item.reason, item.path, item.line)])


def _findings(
    results: list[CheckResult], by_item: Mapping[str, list[Judgement]], sources: list[Source], styled: Styled
) -> list[Finding]:
    found = [
        Finding(name, place)
        for name, judged in by_item.items()
        for j in judged
        if j.verdict is Verdict.FAIL
        for place in j.evidence
    ]
    found += [Finding(result.name, place) for result in results if result.name == "parses" for place in result.evidence]
    found += [Finding("seeds", place) for source in sources for place in unseeded(source)]
    found += [Finding(rule, place) for rule, place in styled.findings]
    order = {name: at for at, name in enumerate(("parses", *SAFETY, *ITEMS, "seeds"))}
    return sorted(found, key=lambda f: (order.get(f.rule, len(order)), f.rule, f.place.file, f.place.line))
