"""Which tests, scripts and CI jobs of the repository reach a file. They are read, not run."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from runward.review.code.source import Function, Judgement, Source, dotted, is_test, text_of
from runward.review.code.tree import Tree
from runward.review.model import EvidenceItem, Verdict

_CI = re.compile(
    r"^(\.github/workflows/.*|\.gitlab-ci\.yml|\.gitlab/.*|\.travis\.yml|\.circleci/.*|azure-pipelines.*|Jenkinsfile|tox\.ini"
    r"|noxfile\.py|\.cirrus\.yml|bitbucket-pipelines\.yml|\.buildkite/.*|appveyor\.yml|\.ci/.*|ci/.*)$"
)
_SCRIPT = re.compile(r"\.(sh|bash)$|(^|/)Makefile$")
_TEST_WORD = re.compile(r"(^|[/_.\-])(ci|tests?|smoke|integration|e2e)([/_.\-]|$)", re.IGNORECASE)
_ENTRIES = frozenset({"main", "cli", "setup", "run", "app"})
_STARTS = re.compile(r"(run|call|check|popen|system|spawn|launch|exec|invoke|main|script|command)\w*$", re.IGNORECASE)
_LAUNCHER = re.compile(r"(^|\s)(python[\d.]*|torchrun|accelerate|deepspeed|bash|sh|uv|srun|mpirun|mpiexec|-m)\s")
_RELATIVE = re.compile(r"^\s*from\s+\.", re.MULTILINE)
_LONG = 5000
_EDGES = frozenset({"raises", "assertRaises", "assertRaisesRegex", "warns"})
_TOKEN = re.compile(r"[\w./${}\-]+\.py\b")
_MODULE_RUN = re.compile(r"-m\s+([\w.]+)")
_SHELL_FUNCTION = re.compile(r"^\s*(?:function\s+)?([\w-]+)\s*\(\)\s*\{?")
_CD = re.compile(r"(?:^|[;&|]\s*|\()\s*(?:cd|pushd)\s+([^\s;&|)]+)|working-directory:\s*(\S+)")


class Reach(NamedTuple):
    """How one place of the repository reaches a file."""

    place: EvidenceItem
    calls_entry: bool
    edge: EvidenceItem | None


class Tests:
    """What of a repository tests a file.

    Args:
        source: The file.
        path: Its path from the repository's root.
        tree: The repository.
    """

    def __init__(self, source: Source, path: str, tree: Tree) -> None:
        self._source, self._path, self._tree = source, path, tree
        pure = PurePosixPath(path)
        self._stem = pure.parent.name if pure.stem == "__init__" else pure.stem
        self._modules = _module_names(path)
        self._exported = _exported(path, self._modules, tree)
        self.imports = self._importing()
        self.runs = self._running()

    def _test_files(self) -> list[str]:
        return [p for p in self._tree.paths if p.endswith(".py") and is_test(p) and p != self._path]

    def _importing(self) -> list[Reach]:
        found = []
        for test in self._test_files():
            text = self._tree.read(test)
            if self._may_import(text) and (reach := self._reach(test, text, _nodes(text))):
                found.append(reach)
        return found

    def _may_import(self, text: str) -> bool:
        """Whether a test is worth its parsing: most of a large repository's are not."""
        if any(name in text for name in self._exported):
            return True
        folder = PurePosixPath(self._path).parent.name
        near = folder in ("", "src") or folder in text or "sys.path" in text or _RELATIVE.search(text)
        return bool(near and re.search(rf"\b{re.escape(self._stem)}\b", text))

    def _reach(self, test: str, text: str, nodes: list[ast.AST]) -> Reach | None:
        names: dict[str, int] = {}
        for node in nodes:
            names.update(self._imported_by(test, text, node))
        if not names or not any(_is_test_function(node) for node in nodes):
            return None
        place = EvidenceItem(f"{test} imports it", test, min(names.values()))
        return Reach(place, self._calls_entry(nodes, names), _edge_of(test, nodes, names))

    def _imported_by(self, test: str, text: str, node: ast.AST) -> dict[str, int]:
        """The names under which a statement brings this module, or parts of it, into a test."""
        if isinstance(node, ast.Import):
            return {
                alias.asname or alias.name: node.lineno
                for alias in node.names
                if self._is_module(alias.name, test, text)
            }
        if isinstance(node, ast.ImportFrom):
            base = _absolute(node, test)
            if self._is_module(base, test, text):
                return {alias.asname or alias.name: node.lineno for alias in node.names}
            return {
                alias.asname or alias.name: node.lineno
                for alias in node.names
                if self._is_module(f"{base}.{alias.name}".lstrip("."), test, text)
                or (alias.name in self._exported and self._is_package_of(base))
            }
        if isinstance(node, ast.Call) and node.args and (name := text_of(node.args[0])):
            last = dotted(node.func).rsplit(".", 1)[-1]
            if last in ("import_module", "importorskip", "run_module", "__import__") and self._is_module(
                name, test, text
            ):
                return {self._stem: node.lineno}
        return {}

    def _is_module(self, name: str, test: str, text: str) -> bool:
        if "." in name or len(self._modules) == 1:
            return name in self._modules and (name.count(".") > 0 or self._found_bare(test, text))
        return name == self._stem and self._found_bare(test, text)

    def _found_bare(self, test: str, text: str) -> bool:
        """Whether ``import stem`` in that test finds this file and no other of its name."""
        folder = PurePosixPath(self._path).parent
        beside = PurePosixPath(test).parent == folder
        if beside:
            return True
        if f"{PurePosixPath(test).parent}/{self._stem}.py" in self._tree:
            return False
        at_root = folder in (PurePosixPath("."), PurePosixPath("src"))
        return at_root or (
            "sys.path" in text and (folder.name in text or len(self._tree.by_name[f"{self._stem}.py"]) == 1)
        )

    def _is_package_of(self, base: str) -> bool:
        return any(module.startswith(f"{base}.") for module in self._modules)

    def _calls_entry(self, nodes: list[ast.AST], names: dict[str, int]) -> bool:
        entries = _entry_functions(self._source)
        for node in nodes:
            if isinstance(node, ast.Call):
                called = dotted(node.func)
                owner, _, last = called.rpartition(".")
                if last in entries and (last in names if not owner else owner in names or owner in self._modules):
                    return True
        return False

    def _running(self) -> list[Reach]:
        """Scripts, CI jobs and tests that start the file by its path, module or command."""
        found = []
        commands = _commands(self._tree, self._modules)
        started = [
            PurePosixPath(self._path).name,
            f"-m {self._stem}",
            *(module for module in self._modules if "." in module),
        ]
        for path in self._scripts() + self._test_files():
            text = self._tree.read(path)
            if not any(name in text for name in [*started, *commands]):
                continue
            line = (
                self._started_in_test(text, commands)
                if path.endswith(".py")
                else self._started_in_script(text, commands)
            )
            if line:
                found.append(Reach(EvidenceItem(f"{path} runs it", path, line), True, None))
        return found

    def _scripts(self) -> list[str]:
        """CI files, and the scripts that are tests or that CI starts."""
        jobs = [path for path in self._tree.paths if _CI.match(path)]
        said = "\n".join(self._tree.read(path) for path in jobs)
        scripts = [path for path in self._tree.paths if _SCRIPT.search(path) and path not in jobs]
        return jobs + [
            path
            for path in scripts
            if _TEST_WORD.search(path) or (PurePosixPath(path).name in said and path.endswith("sh"))
        ]

    def _started_in_script(self, text: str, commands: list[str]) -> int:
        folder, function = "", ""
        for number, line in enumerate(text.splitlines(), start=1):
            if line.lstrip().startswith("#"):
                continue
            if match := _SHELL_FUNCTION.match(line):
                function = match[1]
            if match := _CD.search(line):
                folder = (match[1] or match[2]).strip("\"'/")
            live = not function or _is_called(function, text)
            if (live and self._is_started(line, folder, function)) or any(
                re.search(rf"(^|\s){re.escape(c)}\s", line) for c in commands
            ):
                return number
        return 0

    def _is_started(self, line: str, folder: str = "", function: str = "") -> bool:
        if any(match[1] in self._modules for match in _MODULE_RUN.finditer(line)):
            return True
        return any(self._is_path(token, folder, function) for token in _TOKEN.findall(line))

    def _is_path(self, token: str, folder: str, function: str) -> bool:
        token = re.sub(r"^(\$\{?\w+\}?/|\./)+", "", token)
        parent = PurePosixPath(self._path).parent.as_posix()
        if token == self._path:
            return not folder or folder.startswith(("$", "..")) or "/" in token
        if "/" in token and self._path.endswith("/" + token):
            return (
                sum(path.endswith("/" + token) for path in self._tree.by_name.get(PurePosixPath(token).name, [])) == 1
            )
        if token != PurePosixPath(self._path).name:
            return f"{folder}/{token}" == self._path
        if folder and not folder.startswith("$"):
            return parent == folder or parent.endswith("/" + folder)
        return parent.replace("/", "_") == function or len(self._tree.by_name.get(token, [])) == 1

    def _started_in_test(self, text: str, commands: list[str]) -> int:
        nodes = _nodes(text)
        places = [node for node in nodes if isinstance(node, ast.Constant)]
        named = [node for node in places if (said := text_of(node)) and self._names_it(said, commands)]
        started = _started_names(nodes) if named else set()
        return next((node.lineno for node in named if node in started or _LAUNCHER.search(str(node.value))), 0)

    def _names_it(self, said: str, commands: list[str]) -> bool:
        return len(said) < _LONG and (self._is_started(said) or any(_is_command(said, c) for c in commands))


def _started_names(nodes: list[ast.AST]) -> set[ast.AST]:
    """Texts that are parts of a command: in a list, in a call that starts something, or named and used in one."""
    inside: set[ast.AST] = set()
    for node in nodes:
        starts = isinstance(node, ast.Call) and _STARTS.search(dotted(node.func))
        if starts or isinstance(node, ast.List | ast.Tuple):
            inside.update(ast.walk(node))
    used = {node.id for node in inside if isinstance(node, ast.Name)}
    for node in nodes:
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) in used:
            inside.update(ast.walk(node.value))
    return inside


def _is_called(function: str, script: str) -> bool:
    """Whether a shell script calls a function of its own, by its name or as ``run some/name``."""
    said = (line.strip().replace("/", "_") for line in script.splitlines() if not line.lstrip().startswith("#"))
    call = re.compile(rf"(^|[;&|]\s*|\brun\s+){re.escape(function)}(?![\w(-]|\s*\()")
    return any(call.search(line) for line in said)


def _is_command(said: str, command: str) -> bool:
    return said == command or said.startswith(f"{command} ")


@lru_cache(maxsize=64)
def _nodes(text: str) -> list[ast.AST]:
    """All nodes of a file; none where it does not parse."""
    try:
        return list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _module_names(path: str) -> frozenset[str]:
    """The dotted names under which a file may be imported: from the root, from ``src``, from any folder above it."""
    parts = list(PurePosixPath(path).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return frozenset(".".join(parts[at:]) for at in range(len(parts)) if len(parts) - at > 1 or len(parts) == 1)


def _exported(path: str, modules: frozenset[str], tree: Tree) -> frozenset[str]:
    """Names that the packages above take from this file and hand on."""
    found: set[str] = set()
    for folder in list(PurePosixPath(path).parents)[:3]:
        init = (folder / "__init__.py").as_posix()
        if init == path or init not in tree:
            continue
        for node in _nodes(tree.read(init)):
            if isinstance(node, ast.ImportFrom) and _absolute(node, init) in modules:
                found.update(alias.asname or alias.name for alias in node.names if alias.name != "*")
    return frozenset(name for name in found if len(name) > 2)


def _absolute(node: ast.ImportFrom, path: str) -> str:
    """The module that ``from … import`` names, from the repository's root."""
    if not node.level:
        return node.module or ""
    parts = PurePosixPath(path).parent.parts
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def _is_test_function(node: ast.AST) -> bool:
    return isinstance(node, Function) and node.name.startswith("test")


def _entry_functions(source: Source) -> frozenset[str]:
    block = source.main_block
    called = {dotted(node.func) for node in ast.walk(block) if isinstance(node, ast.Call)} if block else set()
    own = {function.name for function in source.functions}
    return frozenset((called & own) or (_ENTRIES & own))


def _edge_of(test: str, nodes: list[ast.AST], names: dict[str, int]) -> EvidenceItem | None:
    """A test function that uses the file and expects a failure."""
    for node in nodes:
        if isinstance(node, Function) and _is_test_function(node):
            inside = [*ast.walk(node)]
            used = {item.id for item in inside if isinstance(item, ast.Name)}
            dots = {dotted(item) for item in inside if isinstance(item, ast.Attribute)}
            expects = any(_expects_failure(item) for item in inside)
            if expects and (
                used & names.keys()
                or any(name in dots or any(d.startswith(f"{name}.") for d in dots) for name in names)
            ):
                return EvidenceItem(f"{node.name} expects a failure", test, node.lineno)
    return None


def _expects_failure(node: ast.AST) -> bool:
    """``pytest.raises(…)``, ``self.assertRaises(…)``, ``xfail(raises=…)``."""
    if isinstance(node, ast.keyword):
        return node.arg == "raises"
    return isinstance(node, ast.Attribute | ast.Name) and _last(node) in _EDGES


def _last(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _commands(tree: Tree, modules: frozenset[str]) -> list[str]:
    """Commands that the project installs for this file."""
    try:
        project = tomllib.loads(tree.read("pyproject.toml")).get("project", {})
    except tomllib.TOMLDecodeError:
        return []
    scripts = project.get("scripts", {}) if isinstance(project, dict) else {}
    return [name for name, target in scripts.items() if str(target).split(":")[0] in modules]


def unit_tests_written(tests: Tests, source: Source) -> Judgement:
    """A test of the repository imports this module."""
    if tests.imports:
        places = [reach.place for reach in tests.imports]
        return Judgement(Verdict.PASS, f"{len(places)} test file(s) import it; they were read, not run", places)
    text = "no test of the repository imports it"
    return Judgement(Verdict.FAIL, text, [source.evidence(_entry_place(source), text)])


def integration_tests_written(tests: Tests, source: Source) -> Judgement:
    """A test or CI script of the repository runs this entry end to end."""
    places = [reach.place for reach in [*tests.runs, *tests.imports] if reach.calls_entry]
    if places:
        return Judgement(Verdict.PASS, f"{len(places)} test(s) or script(s) run it; they were read, not run", places)
    text = "no test and no CI script runs it from end to end"
    return Judgement(Verdict.FAIL, text, [source.evidence(_entry_place(source), text)])


def edge_cases_covered(tests: Tests, source: Source) -> Judgement:
    """A test that reaches the file has a boundary or a failure in it."""
    edges = [reach.edge for reach in tests.imports if reach.edge]
    if edges:
        return Judgement(
            Verdict.PASS, f"{len(edges)} test file(s) expect failures of it; coverage was not measured", edges
        )
    text = (
        "no test that reaches it expects a failure" if tests.imports else "no test reaches it, so no edge case either"
    )
    return Judgement(Verdict.FAIL, text, [source.evidence(_entry_place(source), text)])


def _entry_place(source: Source) -> ast.AST | int:
    block = source.main_block
    return block or (source.functions[0] if source.functions else 1)
