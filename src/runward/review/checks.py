"""Checks on source code with ``file:line`` evidence, from the syntax tree alone: nothing is imported or run.

The items carry the names of the team's checklist. What one file cannot show (tests elsewhere, measured memory) is
answered with *needs a person*; no item is ever assumed to be true.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from runward.review.model import CheckResult, EvidenceItem, Verdict
from runward.tracking.capture.redact import find_secrets

_SHARE = 0.8
_MAX_EVIDENCE = 20
_SNAKE = re.compile(r"_{0,2}[a-z][a-z0-9_]*_{0,2}|_+")
_CLASS = re.compile(r"_?[A-Z][A-Za-z0-9]*")
_IDIOMS = frozenset(
    [
        "X",
        "Y",
        "F",
        "L",
        "T",
        "N",
        "B",
        "C",
        "H",
        "W",
        "Q",
        "K",
        "V",
        "D",
        "P",
        "R",
        "S",
        "E",
        "M",
        "I",
        "J",
        "DDP",
        "FSDP",
        "nn",
    ]
)
_MACHINE_PATH = re.compile(r"^(/(home|Users|root|data|mnt|scratch|gpfs|lustre|nfs|tmp)/|[A-Za-z]:\\\\)")
_DEVICE = re.compile(r"^cuda:\d+$")
_EXAMPLE = re.compile(r"^\s*(>>>|\$ |python3? |```)|\b(usage|example)s?:", re.IGNORECASE | re.MULTILINE)


class Source(NamedTuple):
    """A file to check, already parsed."""

    path: str
    text: str
    tree: ast.Module


Finding = EvidenceItem
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: str, text: str) -> Source | CheckResult:
    """The file's syntax tree, or the failed check that says where it does not parse."""
    try:
        return Source(path, text, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        evidence = [EvidenceItem(f"does not parse: {error}", path, line)]
        return CheckResult("parses", "code", Verdict.FAIL, f"{path} is not valid Python", evidence, required=True)


def check_sources(files: dict[str, str]) -> list[CheckResult]:
    """All items over some Python files (path -> text), one result an item."""
    parsed = [parse(path, text) for path, text in sorted(files.items())]
    broken = [item for item in parsed if isinstance(item, CheckResult)]
    sources = [item for item in parsed if isinstance(item, Source)]
    if not sources:
        return broken
    return [*broken, *(check(name, sources) for name, check in _CHECKS.items())]


def _result(
    name: str, good: bool, message: str, evidence: list[Finding], verdict: Verdict | None = None
) -> CheckResult:
    found = verdict or (Verdict.PASS if good else Verdict.FAIL)
    return CheckResult(name, "code", found, message, evidence[:_MAX_EVIDENCE], required=name in REQUIRED)


def _functions(source: Source) -> Iterator[Function]:
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            yield node


def _parameters(function: Function) -> list[ast.arg]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [arg for arg in named if arg.arg not in ("self", "cls")]


def _type_hints(name: str, sources: list[Source]) -> CheckResult:
    total, missing = 0, list[Finding]()
    for source in sources:
        for function in _functions(source):
            for arg in _parameters(function):
                total += 1
                if arg.annotation is None:
                    missing.append(EvidenceItem(f"{function.name}: {arg.arg} has no type", source.path, arg.lineno))
    if not total:
        return _result(name, True, "no function has parameters", [])
    share = 1 - len(missing) / total
    return _result(name, share >= _SHARE, f"{share:.0%} of {total} parameters have a type (80 % wanted)", missing)


def _is_public(function: Function | ast.ClassDef) -> bool:
    return not function.name.startswith("_") and function.name != "forward"


def _documented(name: str, sources: list[Source]) -> CheckResult:
    total, missing = 0, list[Finding]()
    for source in sources:
        for function in filter(_is_public, _functions(source)):
            total += 1
            if not ast.get_docstring(function):
                missing.append(EvidenceItem(f"{function.name} has no docstring", source.path, function.lineno))
    if not total:
        return _result(name, True, "no public function", [])
    share = 1 - len(missing) / total
    return _result(name, share >= _SHARE, f"{share:.0%} of {total} public functions documented (80 % wanted)", missing)


def _explained(source: Source, function: Function, arg: ast.arg) -> bool:
    doc = ast.get_docstring(function) or ""
    if re.search(rf"(^|\W){re.escape(arg.arg)}\s*(\([^)]*\))?\s*:", doc):
        return True
    line = source.text.splitlines()[arg.lineno - 1]
    return "#" in line[arg.col_offset :]


def _parameters_documented(name: str, sources: list[Source]) -> CheckResult:
    total, missing = 0, list[Finding]()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                total += 1
                if not any(keyword.arg == "help" for keyword in node.keywords):
                    missing.append(EvidenceItem("an argument has no help", source.path, node.lineno))
        for function in filter(_is_public, _functions(source)):
            for arg in _parameters(function):
                total += 1
                if not _explained(source, function, arg):
                    missing.append(
                        EvidenceItem(f"{function.name}: {arg.arg} is not explained", source.path, arg.lineno)
                    )
    if not total:
        return _result(name, True, "no parameters to explain", [])
    share = 1 - len(missing) / total
    return _result(name, share > 0.5, f"{share:.0%} of {total} parameters are explained (half wanted)", missing)


def _validated(name: str, sources: list[Source]) -> CheckResult:
    sites = list[Finding]()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Raise):
                sites.append(EvidenceItem("raises on wrong input", source.path, node.lineno))
            elif isinstance(node, ast.keyword) and node.arg == "choices":
                sites.append(EvidenceItem("choices limit an argument", source.path, node.value.lineno))
            elif isinstance(node, ast.Assert) and node.msg is not None:
                sites.append(EvidenceItem("assert with a message", source.path, node.lineno))
    if sites:
        return _result(name, True, f"{len(sites)} place(s) refuse wrong configuration", sites)
    first = [EvidenceItem("nothing here refuses a wrong value", source.path, 1) for source in sources]
    return _result(name, False, "no value is checked before the work starts", first)


def _portable(name: str, sources: list[Source]) -> CheckResult:
    found = list[Finding]()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if _MACHINE_PATH.match(node.value):
                    found.append(EvidenceItem(f"a path of one machine: {node.value[:60]}", source.path, node.lineno))
                elif _DEVICE.match(node.value):
                    found.append(EvidenceItem(f"a fixed device: {node.value}", source.path, node.lineno))
            elif _reads_environment(node):
                found.append(EvidenceItem("os.environ[…] without a default", source.path, node.lineno))  # type: ignore[attr-defined]
    message = f"{len(found)} place(s) tie the code to one machine" if found else "nothing ties the code to one machine"
    return _result(name, not found, message, found)


def _reads_environment(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "environ"
    )


def _examples(name: str, sources: list[Source]) -> CheckResult:
    for source in sources:
        docs = [ast.get_docstring(source.tree) or "", *(ast.get_docstring(f) or "" for f in _functions(source))]
        if any(_EXAMPLE.search(doc) for doc in docs):
            return _result(name, True, "a usage example is given", [EvidenceItem("usage example", source.path, 1)])
    evidence = [EvidenceItem("no usage example in a docstring", source.path, 1) for source in sources]
    return _result(name, False, "no docstring shows how to use this", evidence)


def _naming(name: str, sources: list[Source]) -> CheckResult:
    found = list[Finding]()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and not _CLASS.fullmatch(node.name):
                found.append(EvidenceItem(f"class {node.name} is not CapWords", source.path, node.lineno))
            elif isinstance(node, Function):
                if not _SNAKE.fullmatch(node.name) and not node.name.startswith(
                    ("visit_", "test", "setUp", "tearDown")
                ):
                    found.append(EvidenceItem(f"function {node.name} is not snake_case", source.path, node.lineno))
                found.extend(
                    EvidenceItem(f"parameter {arg.arg} is not snake_case", source.path, arg.lineno)
                    for arg in _parameters(node)
                    if not _SNAKE.fullmatch(arg.arg) and arg.arg.split("_")[0] not in _IDIOMS
                )
    message = f"{len(found)} name(s) break PEP 8" if found else "names follow PEP 8"
    return _result(name, not found, message, found)


def _errors(name: str, sources: list[Source]) -> CheckResult:
    swallowed, purposeful = list[Finding](), list[Finding]()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler):
                silent = all(isinstance(item, ast.Pass) for item in node.body)
                if node.type is None or silent:
                    text = "bare except" if node.type is None else "an error is swallowed"
                    swallowed.append(EvidenceItem(text, source.path, node.lineno))
            elif isinstance(node, ast.Raise | ast.Try) or (isinstance(node, ast.Assert) and node.msg):
                purposeful.append(EvidenceItem("handles or reports an error", source.path, node.lineno))
    if swallowed:
        return _result(name, False, f"{len(swallowed)} place(s) hide an error", swallowed)
    if purposeful:
        return _result(name, True, f"{len(purposeful)} place(s) end in a purposeful error", purposeful)
    evidence = [EvidenceItem("no raise, try or assert with a message", source.path, 1) for source in sources]
    return _result(name, False, "no foreseeable failure is handled", evidence)


def _safe_loading(name: str, sources: list[Source]) -> CheckResult:
    found = list[Finding]()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and (text := _unsafe(node)):
                found.append(EvidenceItem(text, source.path, node.lineno))
    message = f"{len(found)} place(s) run code while loading data" if found else "no unsafe loading or evaluation"
    return _result(name, not found, message, found)


def _unsafe(call: ast.Call) -> str:
    target = ast.unparse(call.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if target in ("eval", "exec"):
        return f"{target}() runs text as code"
    if target in ("pickle.load", "pickle.loads", "dill.load", "dill.loads", "cloudpickle.load"):
        return f"{target} runs code from the file"
    if target == "torch.load" and keywords.get("weights_only") != "True":
        return "torch.load without weights_only=True"
    if target == "yaml.load" and "Safe" not in keywords.get("Loader", "".join(ast.unparse(a) for a in call.args[1:])):
        return "yaml.load without a safe loader"
    if keywords.get("shell") == "True":
        return f"{target} with shell=True"
    return ""


def _no_secrets(name: str, sources: list[Source]) -> CheckResult:
    found = list[Finding]()
    for source in sources:
        for secret in find_secrets(source.text):
            line = source.text.count("\n", 0, secret.start) + 1
            found.append(EvidenceItem(f"looks like a secret ({secret.kind})", source.path, line))
    return _result(name, not found, f"{len(found)} secret(s) in the code" if found else "no secrets in the code", found)


def _person(question: str) -> Callable[[str, list[Source]], CheckResult]:
    def check(name: str, sources: list[Source]) -> CheckResult:
        return _result(name, False, question, [], Verdict.NEEDS_PERSON)

    return check


_CHECKS: dict[str, Callable[[str, list[Source]], CheckResult]] = {
    "type_hints_used": _type_hints,
    "configuration_validated": _validated,
    "environment_specific_code_avoided": _portable,
    "functions_documented": _documented,
    "parameters_documented": _parameters_documented,
    "examples_provided": _examples,
    "unit_tests_written": _person("does a test reach this code?"),
    "integration_tests_written": _person("does a test or script run this entry end to end?"),
    "edge_cases_covered": _person("do the tests reach boundaries and failures?"),
    "memory_usage_optimized": _person("is the use of memory deliberate?"),
    "execution_efficient": _person("is there waste in the hot loop?"),
    "resource_constraints_considered": _person("can its use of resources be bounded from outside?"),
    "naming_conventions_followed": _naming,
    "code_style_consistent": _person("would a formatter leave the file as it is?"),
    "error_handling_implemented": _errors,
    "loads_safely": _safe_loading,
    "no_secrets": _no_secrets,
}
REQUIRED = frozenset({"parses", "loads_safely", "no_secrets"})
"""What keeps a review from being applied. The other items inform the reviewer, who decides."""
