"""What a reader is told: functions, parameters, and how to use it."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from runward.review.code.configuration import module_settings
from runward.review.code.source import Function, Judgement, Source, dotted, parameters, text_of
from runward.review.model import Verdict

_SHARE = 0.8
_ENTRY = re.compile(r"^(main|setup|cli|run|train|learn|entry|launch|app|start)(_\w+)?$|_recipe$")
_PARSER = re.compile(
    r"(get|parse)_(known_)?arg|ArgumentParser$|TrlParser|^argv$|LightningCLI|^hydra$|get_parser|load_config"
)
_WIRING = frozenset({"args", "argv", "self", "cls", "kwargs"})
_MIN_SETTINGS = 4
_COMMAND = re.compile(
    r"^\s*(?:[-*>$#%`]\s*)*(?:[A-Z][A-Z0-9_]*=\S+\s+)*"
    r"(?:(?:python[\d.]*|ipython|torchrun|srun|mpirun|mpiexec|horovodrun|deepspeed|bash|sh|uv run|poetry run)\s[^\n]*"
    r"(?:\.py\b|\s-m\s|\.sh\b)|accelerate launch\s|streamlit run\s|\./\S+\.(?:py|sh)\b|\$\s*\w)",
    re.MULTILINE,
)
_PROMPT = re.compile(r"^\s*>>> ?\S", re.MULTILINE)
_FENCED = re.compile(r"```[^\n]*\n(.+?)```", re.DOTALL)
_SECTION = re.compile(
    r"^\s*(?:examples?|usage)\s*:{1,2}\s*\n\s*(?:-{3,}\s*\n)?((?:[ \t]*\n|[ \t]+\S[^\n]*\n?)+)", re.I | re.M
)
_SECTION_CALL = re.compile(r"\w+\(.*\)|^\s*\S+\s+-{1,2}\w", re.MULTILINE)


def _public_functions(source: Source) -> list[Function]:
    """Functions and methods that others call: not dunder, private, nested or ``forward``."""
    found = []
    for function in source.functions:
        nested = any(isinstance(outer, Function) for outer in source.enclosing(function))
        if not nested and not function.name.startswith("_") and function.name != "forward":
            found.append(function)
    return found


def functions_documented(source: Source) -> Judgement:
    """At least four fifths of the public functions and methods have a docstring."""
    public = _public_functions(source)
    missing = [function for function in public if function not in source.docstrings]
    if not public:
        if source.tree in source.docstrings:
            place = source.evidence(1, "the file says what it does; it has no public function")
            return Judgement(Verdict.PASS, "no public function, and the file says what it does", [place])
        text = "no public function, and the file does not say what it does"
        return Judgement(Verdict.FAIL, text, [source.evidence(1, "no docstring in this file")])
    share = 1 - len(missing) / len(public)
    said = f"{share:.0%} of {len(public)} public functions documented (80 % wanted)"
    places = [source.evidence(function, f"{function.name} has no docstring") for function in missing]
    return Judgement(Verdict.PASS if share >= _SHARE else Verdict.FAIL, said, places)


class _Setting(NamedTuple):
    name: str
    line: int
    explained: bool


def parameters_documented(source: Source) -> Judgement:
    """More than half of what a user can set is explained in this file."""
    settings = _flags(source) + _fields(source)
    settings += [item for item in _arguments(source, entries_only=bool(settings)) if item.name not in _WIRING]
    settings = settings or _constants(source) or _arguments(source, entries_only=False, all_of_them=True)
    parsers = [line for name, line in source.names.items() if _PARSER.search(name)]
    if not settings and (parsers or not source.functions):
        text = "its settings are explained elsewhere" if parsers else "its settings are written into the calls"
        return Judgement(Verdict.FAIL, text, [source.evidence(min(parsers, default=1), text)])
    if not settings:
        text = "nothing here is declared as a parameter: are there settings to explain?"
        return Judgement(Verdict.NEEDS_PERSON, text, [source.evidence(1, text)])
    missing = [item for item in settings if not item.explained]
    share = 1 - len(missing) / len(settings)
    said = f"{share:.0%} of {len(settings)} parameters are explained (more than half wanted)"
    places = [source.evidence(item.line, f"{item.name} is not explained") for item in missing]
    return Judgement(Verdict.PASS if share > 0.5 else Verdict.FAIL, said, places)


def _flags(source: Source) -> list[_Setting]:
    return [
        _Setting(f"--{flag.name}", flag.line, flag.help or _comment_at(source, flag.call))
        for flag in source.flags
        if flag.name not in ("local_rank", "help")
    ]


def _comment_at(source: Source, node: ast.expr | ast.stmt | ast.arg) -> bool:
    """A trailing comment on one of the node's lines."""
    return any(source.comments.get(line) for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))


def _fields(source: Source) -> list[_Setting]:
    found = []
    for node in source.nodes:
        if isinstance(node, ast.ClassDef) and _is_configuration(node):
            doc = source.docstrings.get(node, "")
            for at, item in enumerate(node.body):
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    after = node.body[at + 1] if at + 1 < len(node.body) else None
                    explained = (
                        (isinstance(after, ast.Expr) and text_of(after.value) is not None)
                        or _comment_at(source, item)
                        or len(source.comments.get(item.lineno - 1, "").split()) > 1
                        or _has_help(item.value)
                        or _is_named_in(item.target.id, doc)
                    )
                    found.append(_Setting(f"{node.name}.{item.target.id}", item.lineno, explained))
    return found


def _is_configuration(node: ast.ClassDef) -> bool:
    """A class whose fields a user sets: a dataclass or a model, called after what it holds."""
    marks = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
    names = {dotted(item).rsplit(".", 1)[-1] for item in [*marks, *node.bases]}
    kinds = {
        "dataclass",
        "define",
        "frozen",
        "BaseModel",
        "BaseSettings",
        "NamedTuple",
        "TypedDict",
        "Struct",
        "TrainingArguments",
    }
    return bool(names & kinds) and not any(isinstance(item, Function) and item.name == "forward" for item in node.body)


def _has_help(value: ast.AST | None) -> bool:
    if not isinstance(value, ast.Call):
        return False
    words = [k.arg for k in value.keywords]
    told = any(
        text_of(key) in ("help", "description", "doc")
        for node in ast.walk(value)
        if isinstance(node, ast.Dict)
        for key in node.keys
    )
    return told or bool({"help", "description", "title"} & set(words))


def _is_named_in(name: str, doc: str) -> bool:
    """``name: …``, ``name (type): …``, ``:param name: …`` or the numpy form, in a docstring."""
    return bool(re.search(rf"(^|[\s*`]){re.escape(name)}[`*]*\s*(\([^)]*\))?\s*(:|--|-\s|–)", doc, re.MULTILINE))


def _arguments(source: Source, entries_only: bool, all_of_them: bool = False) -> list[_Setting]:
    """Parameters of entry functions, and those with a default: what a user of this module may choose."""
    found = []
    inner, started = _called_inside(source), _started(source)
    for function in _public_functions(source):
        command = bool(function.decorator_list and _is_command(function))
        if function.name in inner and not command:
            continue
        entry = all_of_them or command or function.name in started or bool(_ENTRY.match(function.name))
        doc = source.docstrings.get(function, "")
        if entries_only and not (entry and len(parameters(function)) >= _MIN_SETTINGS and doc):
            continue
        optional = {arg.arg for arg in _with_default(function)}
        for arg in parameters(function):
            if entry or arg.arg in optional:
                explained = _is_named_in(arg.arg, doc) or bool(source.comments.get(arg.lineno)) or _says_doc(arg)
                found.append(_Setting(f"{function.name}: {arg.arg}", arg.lineno, explained))
    return [item for item in found if item.name.split(": ")[-1] not in _WIRING]


def _called_inside(source: Source) -> set[str]:
    """Functions that other functions of the file call: their parameters come from here, not from a user."""
    block = source.main_block
    return {
        called.removeprefix("self.")
        for called, call in source.calls
        if any(isinstance(outer, Function) for outer in source.enclosing(call))
        and block not in [*source.enclosing(call)]
    }


def _started(source: Source) -> set[str]:
    """Functions that the main block calls."""
    block = source.main_block
    return {dotted(node.func) for node in ast.walk(block) if isinstance(node, ast.Call)} if block else set()


def _says_doc(arg: ast.arg) -> bool:
    """``Annotated[…, "text"]`` or ``Annotated[…, Option(help=…)]``."""
    if not isinstance(arg.annotation, ast.Subscript) or not dotted(arg.annotation.value).endswith("Annotated"):
        return False
    return any(text_of(node) or _has_help(node) for node in ast.walk(arg.annotation))


def _is_command(function: Function) -> bool:
    names = [dotted(item.func if isinstance(item, ast.Call) else item) for item in function.decorator_list]
    return any(re.search(r"command|cli|factory|hydra|main$|task|flow", name) for name in names)


def _with_default(function: Function) -> list[ast.arg]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    named = [
        arg for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is not None
    ]
    return [*(positional[-len(arguments.defaults) :] if arguments.defaults else []), *named]


def _constants(source: Source) -> list[_Setting]:
    """Settings at the top of a script, and those of a dict of defaults."""
    settings = module_settings(source)
    found = [_Setting(name, node.lineno, _comment_at(source, node)) for name, node in settings.items()]
    for node in source.nodes:
        if isinstance(node, ast.Assign) and re.search(r"default|config|param|args", dotted(node.targets[0]), re.I):
            found += _entries(source, node.value)
    return found if len(found) >= _MIN_SETTINGS else []


def _entries(source: Source, value: ast.AST) -> list[_Setting]:
    if isinstance(value, ast.Call) and dotted(value.func) == "dict":
        return [
            _Setting(k.arg, k.value.lineno, bool(source.comments.get(k.value.lineno))) for k in value.keywords if k.arg
        ]
    if isinstance(value, ast.Dict):
        keys = [key for key in value.keys if key is not None and text_of(key)]
        return [_Setting(text_of(key) or "", key.lineno, bool(source.comments.get(key.lineno))) for key in keys]
    return []


def examples_provided(source: Source) -> Judgement:
    """A usage example that a reader can run: a command, a prompt, a block of code."""
    texts = [(getattr(node, "lineno", 1), doc) for node, doc in source.docstrings.items()]
    for node in source.nodes:
        if isinstance(node, ast.Expr) and (text := text_of(node.value)):
            texts.append((node.lineno, text))
        elif isinstance(node, ast.keyword) and node.arg in ("epilog", "usage") and (text := text_of(node.value)):
            texts.append((node.value.lineno, text))
    texts += _comment_blocks(source)
    for line, text in texts:
        if _shows_use(text):
            return Judgement(Verdict.PASS, "a usage example is given", [source.evidence(line, "usage example")])
    text = "no docstring or comment shows how to use this"
    return Judgement(Verdict.FAIL, text, [source.evidence(1, text)])


def _comment_blocks(source: Source) -> list[tuple[int, str]]:
    """Comments that stand on lines of their own, joined."""
    blocks: list[tuple[int, str]] = []
    last = -1
    for line, text in sorted(source.comments.items()):
        if not source.lines[line - 1].lstrip().startswith("#"):
            continue
        if line == last + 1:
            blocks[-1] = (blocks[-1][0], f"{blocks[-1][1]}\n{text}")
        else:
            blocks.append((line, text))
        last = line
    return [(line, text) for line, text in blocks if not text.startswith("!")]


def _shows_use(text: str) -> bool:
    if _COMMAND.search(text) or _PROMPT.search(text):
        return True
    blocks = [*_FENCED.findall(text), *(match[1] for match in _SECTION.finditer(text))]
    return any(_SECTION_CALL.search(block) for block in blocks)
