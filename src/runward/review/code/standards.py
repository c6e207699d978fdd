"""Names and errors."""

from __future__ import annotations

import ast
import re

from runward.review.code.configuration import refuses_input
from runward.review.code.source import Function, Judgement, Source, dotted, parameters
from runward.review.model import EvidenceItem, Verdict

_SNAKE = re.compile(r"_*[a-z0-9][a-z0-9_]*|_+")
_CONSTANT = re.compile(r"_*[A-Z][A-Z0-9_]*")
_CLASS = re.compile(r"_*[A-Z][A-Za-z0-9]*(_[A-Z0-9][A-Za-z0-9]*|_v\d+)?")
_CAMEL = re.compile(r"^_*[a-z]+[a-z0-9]*([A-Z][a-z0-9]+)+[A-Z]?$")
_PART = re.compile(r"[a-z0-9]*|[A-Z][A-Z0-9]{0,4}|[a-z]?[A-Z]{1,3}[a-z0-9]{0,2}")
_HOOKS = ("visit_", "test", "setUp", "tearDown", "do_", "depart_")
_FAMILY = frozenset({"getLogger", "maxDiff", "setUp", "runTest"})
_LOUD = frozenset({"exit", "_exit", "abort", "fail"})
_ENOUGH = 1.0
_ENOUGH_LARGE = 1.5
_LARGE = 300


def naming_conventions_followed(source: Source) -> Judgement:
    """Names follow PEP 8; idioms of the field (X, Y, F, DDP, optimizer_G) are left alone."""
    found: dict[str, EvidenceItem] = {}
    for node in source.nodes:
        for name, kind in _named(source, node):
            if name not in found:
                found[name] = source.evidence(node, f"{kind} {name} is not {_wanted(kind)}")
    if found:
        places = sorted(found.values(), key=lambda item: item.line)
        return Judgement(Verdict.FAIL, f"{len(found)} name(s) break PEP 8", places)
    return Judgement(Verdict.PASS, "names follow PEP 8", [])


def _wanted(kind: str) -> str:
    return "CapWords" if kind == "class" else "snake_case"


def _named(source: Source, node: ast.AST) -> list[tuple[str, str]]:
    """The names that a node gives and that break the convention, each with its kind."""
    if isinstance(node, ast.ClassDef):
        return [] if _CLASS.fullmatch(node.name) else [(node.name, "class")]
    if isinstance(node, Function):
        found = [] if _is_function_name(source, node) else [(node.name, "function")]
        return found + [(arg.arg, "parameter") for arg in parameters(node) if not _is_variable_name(arg.arg)]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and not _is_variable_name(node.id):
        return [(node.id, "variable")]
    return []


def _is_function_name(source: Source, node: Function) -> bool:
    if _SNAKE.fullmatch(node.name) or node.name.startswith(_HOOKS) or node.name in _FAMILY:
        return True
    if isinstance(source.parents.get(node), ast.ClassDef) and node.decorator_list:
        return not _CAMEL.match(node.name)
    return _is_idiom(node.name) and not _CAMEL.match(node.name) and not _CLASS.fullmatch(node.name)


def _is_variable_name(name: str) -> bool:
    if _SNAKE.fullmatch(name) or _CONSTANT.fullmatch(name) or _is_idiom(name):
        return True
    return name[:1].isupper() and not _CAMEL.match(name)


def _is_idiom(name: str) -> bool:
    """``X_train``, ``optimizer_G``, ``dW1``: parts that the field writes in capitals."""
    return all(_PART.fullmatch(part) for part in name.strip("_").split("_"))


def error_handling_implemented(source: Source) -> Judgement:
    """Foreseeable failures end in a purposeful error, and none is hidden."""
    hidden, purposeful, weight = list[EvidenceItem](), list[EvidenceItem](), 0.0
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and (text := _hides(node)):
            hidden.append(source.evidence(node, text))
        elif (value := _purpose(source, node)) > 0:
            weight += value
            purposeful.append(source.evidence(node, "handles or reports an error"))
    if hidden:
        return Judgement(Verdict.FAIL, f"{len(hidden)} place(s) hide an error", hidden)
    wanted = _ENOUGH if len(source.lines) <= _LARGE else _ENOUGH_LARGE
    if weight >= wanted:
        return Judgement(Verdict.PASS, f"{len(purposeful)} place(s) end in a purposeful error", purposeful)
    if purposeful:
        text = f"only {len(purposeful)} of the foreseeable failures are handled in {len(source.lines)} lines"
        return Judgement(Verdict.FAIL, text, [source.evidence(_first_risk(source), text), *purposeful])
    text = "no foreseeable failure is handled"
    return Judgement(
        Verdict.FAIL, text, [source.evidence(_first_risk(source), "no raise, try or assert with a message")]
    )


def _hides(handler: ast.ExceptHandler) -> str:
    """Why a handler hides errors; empty when it does not."""
    names = [dotted(node).rsplit(".", 1)[-1] for node in _types(handler.type)]
    broad = not names or bool({"Exception", "BaseException"} & set(names))
    if handler.type is None:
        return "bare except"
    silent = all(isinstance(item, ast.Pass | ast.Continue) for item in handler.body)
    return "an error is swallowed" if broad and silent else ""


def _types(node: ast.AST | None) -> list[ast.AST]:
    if isinstance(node, ast.Tuple):
        return list(node.elts)
    return [] if node is None else [node]


def _purpose(source: Source, node: ast.AST) -> float:
    """How much a node is worth as handling of a foreseeable failure."""
    if isinstance(node, ast.Raise):
        return 1.0 if refuses_input(source, node, of_files=True) else 0.0
    if isinstance(node, ast.Assert):
        return 0.34 if node.msg is not None else 0.0
    if isinstance(node, ast.Try):
        handled = [handler for handler in node.handlers if not isinstance(handler.body[0], ast.Pass)]
        names = {dotted(item).rsplit(".", 1)[-1] for handler in handled for item in _types(handler.type)}
        optional = names <= {"ImportError", "ModuleNotFoundError", "KeyboardInterrupt"}
        return 0.0 if not handled else (0.4 if optional else 1.0)
    if isinstance(node, ast.Call):
        called = dotted(node.func)
        if called in ("parser.error", "ap.error"):
            return 1.0
        if called.rsplit(".", 1)[-1] in _LOUD and node.args and not _is_zero(node.args[0]):
            return 0.0 if _is_main_exit(node) else 0.5
    return 0.0


def _is_zero(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in (0, None)


def _is_main_exit(call: ast.Call) -> bool:
    return isinstance(call.args[0], ast.Call)


def _first_risk(source: Source) -> ast.AST | int:
    """The first place where something can fail that a user can foresee: opening, loading, parsing."""
    for called, call in source.calls:
        if re.search(r"(^|\.)(open|load\w*|read_\w+|parse_args|makedirs|from_pretrained)$", called):
            return call
    return 1
