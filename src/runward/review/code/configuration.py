"""Types, validated configuration, and what ties code to one machine."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from runward.review.code.source import Function, Judgement, Source, dotted, parameters, text_of
from runward.review.model import EvidenceItem, Verdict

_SHARE = 0.8
CONFIG_NAME = re.compile(
    r"^(args?|opts?|options?|flags|cfg|conf|config|configs|hparams?|hps|params|parsed|settings|configuration"
    r"|\w+_(args|config|cfg|opts|params))$",
    re.IGNORECASE,
)
"""Names that hold what a user has set."""
_CHECKER = re.compile(
    r"^(validate|check|verify|ensure|assert)_\w*(arg|conf|cfg|param|opt|setting|valid|flag|checkpoint)"
)
_MACHINE_PATH = re.compile(
    r"^(/(home|Users|root|data\d*|datasets?\d*|mnt|media|scratch|gpfs|lustre|nfs|tmp|work|raid|storage|export|private"
    r"|share|shared|hdd|ssd|opt|checkpoint|var|usr/local)/[\w%{$]|[A-Za-z]:[\\/]\w|~\w+/)"
)
_PLACEHOLDER = re.compile(r"/?(path|some|your|my)[/_-]?(to|path)?/|<.*>", re.IGNORECASE)
_DATA_PATH = re.compile(
    r"^\.{1,2}/\S|^(data|datas|dataset|datasets|input|inputs|raw)(/|$)|\.(csv|tsv|npy|npz|pkl|h5|hdf5|json|txt|mat)$"
)
_OUTPUT = re.compile(r"out|log|sav|result|ckpt|checkpoint|run|fig|plot|img|image|model|sample|tensorboard|report", re.I)
_READERS = re.compile(
    r"(^|\.)(open|read_\w+|load|loadtxt|genfromtxt|memmap|load_\w+|join|Path|glob|iglob|listdir|imread|File|ImageFolder"
    r"|walk|scandir|\w*MNIST|CIFAR\w*|SVHN|STL\w*|ImageNet|Planetoid|TUDataset|VOC\w*|Coco\w*|LSUN|CelebA|read_data_sets)$"
)
_DEVICE = re.compile(r"^(cuda(:\d+)?|mps|xla|gpu(:\d+)?|/(device:)?gpu:\d+)$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0|255\.)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_FILE_ERRORS = frozenset({"OSError", "IOError", "EnvironmentError", "FileNotFoundError", "PermissionError"})
_LAUNCHER = frozenset(
    {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK"}
)
_FALLBACKS = ("is_available", "list_physical_devices", "is_gpu_available", "default_backend")


def type_hints_used(source: Source) -> Judgement:
    """At least four fifths of the parameters of all functions have a type."""
    functions = source.functions
    named = [(function, arg) for function in functions for arg in parameters(function)]
    missing = [(function, arg) for function, arg in named if arg.annotation is None]
    returns = sum(function.returns is not None for function in functions)
    if not named:
        return _hints_without_parameters(source, returns)
    share = 1 - len(missing) / len(named)
    said = f"{share:.0%} of {len(named)} parameters have a type (80 % wanted), {returns} of {len(functions)} returns"
    places = [source.evidence(arg, f"{function.name}: {arg.arg} has no type") for function, arg in missing]
    if share >= _SHARE:
        return Judgement(Verdict.PASS, said, places)
    return Judgement(Verdict.FAIL, said, places)


def _hints_without_parameters(source: Source, returns: int) -> Judgement:
    typed = [node for node in source.nodes if isinstance(node, ast.AnnAssign)]
    if typed or (source.functions and returns >= _SHARE * len(source.functions)):
        first = typed[0] if typed else source.functions[0]
        place = source.evidence(first, "a type is given")
        return Judgement(Verdict.PASS, "no function has parameters; what there is has types", [place])
    at = source.functions[0] if source.functions else 1
    return Judgement(Verdict.FAIL, "nothing has a type", [source.evidence(at, "no type hint in this file")])


def configuration_validated(source: Source) -> Judgement:
    """Wrong values are refused before work begins: choices, raises, validators; one assert alone is not enough."""
    strong, asserts = list[EvidenceItem](), list[_Assertion]()
    for called, call in source.calls:
        if text := _refusing_call(source, called, call):
            strong.append(source.evidence(call, text))
    for node in source.nodes:
        if isinstance(node, ast.Raise) and refuses_input(source, node):
            strong.append(source.evidence(node, "raises on a wrong value"))
        elif isinstance(node, ast.Assert):
            about = _asks_of_input(source, node, node.test)
            if about or node.msg is not None:
                asserts.append(_Assertion(about, node.msg is not None, source.evidence(node, "asserts a value")))
        elif isinstance(node, Function) and any(_is_validator(item) for item in node.decorator_list):
            strong.append(source.evidence(node, "a validator of the configuration"))
        elif isinstance(node, ast.AnnAssign | ast.arg) and _is_literal(node.annotation) and _parses_types(source):
            strong.append(source.evidence(node, "Literal limits a setting"))
    sites = [*strong, *(item.place for item in asserts)]
    if strong or _refuse_enough(asserts):
        return Judgement(Verdict.PASS, f"{len(sites)} place(s) refuse wrong configuration", sites)
    first = _first_setting(source)
    if sites:
        text = "an assert alone: other wrong values reach the work"
        return Judgement(Verdict.FAIL, text, [source.evidence(first, text), *sites])
    text = "no value is checked before the work starts"
    return Judgement(Verdict.FAIL, text, [source.evidence(first, text)])


class _Assertion(NamedTuple):
    """An assert: whether it asks of a setting, and whether it says what is wrong."""

    about_input: bool
    says_why: bool
    place: EvidenceItem


def _refuse_enough(asserts: list[_Assertion]) -> bool:
    """Several asserts on settings, or several of which one does both. One alone is not enough."""
    several = len(asserts) > 1 and any(item.about_input and item.says_why for item in asserts)
    return several or sum(item.about_input for item in asserts) > 1


def _first_setting(source: Source) -> ast.AST | int:
    if source.flags:
        return source.flags[0].line
    return source.functions[0] if source.functions else 1


def _refusing_call(source: Source, called: str, call: ast.Call) -> str:
    last = called.rsplit(".", 1)[-1]
    keywords = {keyword.arg for keyword in call.keywords}
    if last in ("add_argument", "option", "argument", "add_option") and "choices" in keywords:
        return "choices limit an argument"
    if last in ("Choice", "IntRange", "FloatRange", "DEFINE_enum", "define_enum", "add_mutually_exclusive_group"):
        return f"{last} limits an argument"
    if last in ("Field", "Param", "Option", "Query") and keywords & {"gt", "ge", "lt", "le", "pattern", "min", "max"}:
        return "bounds limit a setting"
    if last == "error" and called.split(".", 1)[0] in ("parser", "ap", "p", "arg_parser", "argparser"):
        return "the parser refuses a combination"
    if last in ("exit", "_exit", "quit") and call.args and _under_input(source, call):
        return "ends with a message on a wrong value"
    return f"{last} is called on the settings" if _CHECKER.match(last) else ""


def refuses_input(source: Source, node: ast.Raise, *, of_files: bool = False) -> bool:
    """Whether a raise answers a wrong value, or else a failure to read a file, rather than a state of its own."""
    if node.exc is None or ("NotImplemented" in _raised(node) and _is_abstract(source, node)):
        return False
    return _under_input(source, node, of_files)


def _caught(handler: ast.ExceptHandler) -> set[str]:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {dotted(name).rsplit(".", 1)[-1] for name in names if name is not None}


def _raised(node: ast.Raise) -> str:
    exc = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return dotted(exc) if exc is not None else ""


def _is_abstract(source: Source, node: ast.AST) -> bool:
    parent = source.parents.get(node)
    return isinstance(parent, Function)


def _under_input(source: Source, node: ast.AST, of_files: bool = False) -> bool:
    for outer in source.enclosing(node):
        if isinstance(outer, ast.If) and _asks_of_input(source, outer, outer.test):
            return True
        if isinstance(outer, ast.ExceptHandler) and (of_files or not _FILE_ERRORS & _caught(outer)):
            return True
        if isinstance(outer, ast.Match) and _asks_of_input(source, outer, outer.subject):
            return True
        if isinstance(outer, Function):
            return outer.name == "__post_init__" or "validate" in outer.name
    return False


def _asks_of_input(source: Source, node: ast.AST, test: ast.AST) -> bool:
    known = _inputs(source, node)
    for item in ast.walk(test):
        if isinstance(item, ast.Name) and (item.id in known or CONFIG_NAME.match(item.id)):
            return True
        if isinstance(item, ast.Attribute) and CONFIG_NAME.match(item.attr):
            return True
        if isinstance(item, ast.Call) and dotted(item.func).rsplit(".", 1)[-1] in (
            "exists",
            "isfile",
            "isdir",
            "is_file",
        ):
            return True
    return False


def _inputs(source: Source, node: ast.AST) -> set[str]:
    """Names that come from outside: parameters of the functions around, and settings of a script."""
    found = set(module_settings(source))
    for outer in source.enclosing(node):
        if isinstance(outer, Function):
            if outer.name == "__post_init__":
                found.add("self")
            found.update(arg.arg for arg in parameters(outer))
    return found


def module_settings(source: Source) -> dict[str, ast.Assign]:
    """Simple values that a script sets at its top: its configuration, where it has no command line."""
    found: dict[str, ast.Assign] = {}
    for node in source.tree.body:
        if isinstance(node, ast.For | ast.While):
            break
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if not name.startswith("_") and _is_simple(node.value):
                found.setdefault(name, node)
    return found


def _is_simple(value: ast.AST) -> bool:
    if isinstance(value, ast.UnaryOp | ast.BinOp):
        return all(
            isinstance(n, ast.Constant | ast.operator | ast.unaryop | ast.UnaryOp | ast.BinOp) for n in ast.walk(value)
        )
    if isinstance(value, ast.List | ast.Tuple):
        return bool(value.elts) and all(isinstance(item, ast.Constant) for item in value.elts)
    return isinstance(value, ast.Constant) and value.value is not None


def _is_validator(decorator: ast.AST) -> bool:
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return name.rsplit(".", 1)[-1] in ("validator", "field_validator", "model_validator", "root_validator", "validates")


def _is_literal(annotation: ast.AST | None) -> bool:
    return annotation is not None and any(dotted(node).rsplit(".", 1)[-1] == "Literal" for node in ast.walk(annotation))


def _parses_types(source: Source) -> bool:
    """Whether something enforces annotations: a parser or a validating base class."""
    return bool(
        source.imports
        & {
            "tyro",
            "jsonargparse",
            "pydantic",
            "draccus",
            "simple_parsing",
            "typer",
            "cyclopts",
            "msgspec",
            "transformers",
        }
    )


def environment_specific_code_avoided(source: Source) -> Judgement:
    """No path, host or device of one machine; no fixed data path without a flag; no device without a fall-back."""
    found = list[EvidenceItem]()
    skipped = set(source.docstrings.values())
    falls_back = _falls_back(source)
    for node in source.nodes:
        text = text_of(node)
        if text is not None and text not in skipped and not _is_doc(source, node):
            found += _fixed_text(source, node, text, falls_back)
        elif isinstance(node, ast.Call):
            found += _fixed_device(source, node, falls_back)
        elif isinstance(node, ast.Subscript) and _reads_environment(source, node):
            found.append(source.evidence(node, "os.environ[…] without a default"))
        elif isinstance(node, ast.Assign) and _fixes_devices(node):
            found.append(source.evidence(node, "CUDA_VISIBLE_DEVICES is set in the code"))
    found = sorted(set(found), key=lambda item: item.line)
    if found:
        return Judgement(Verdict.FAIL, f"{len(found)} place(s) tie the code to one machine", found)
    return Judgement(Verdict.PASS, "nothing ties the code to one machine", [])


def _falls_back(source: Source) -> bool:
    """Whether the code asks for the device before it takes it; an assert only refuses to run without."""
    asked = (node for node in source.nodes if isinstance(node, ast.Attribute | ast.Name) and _last(node) in _FALLBACKS)
    return any(not any(isinstance(outer, ast.Assert) for outer in source.enclosing(node)) for node in asked)


def _last(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _is_doc(source: Source, node: ast.AST) -> bool:
    """A string that stands alone, or is a help text: it says something and opens nothing."""
    parent = source.parents.get(node)
    if isinstance(parent, ast.Expr):
        return True
    return isinstance(parent, ast.keyword) and parent.arg in ("help", "description", "epilog", "metavar", "usage")


def _fixed_text(source: Source, node: ast.AST, text: str, falls_back: bool) -> list[EvidenceItem]:
    default = _is_default(source, node)
    if _MACHINE_PATH.match(text) and "\n" not in text and not _PLACEHOLDER.search(text):
        if default and text.startswith("/tmp/"):
            return []
        return [source.evidence(node, f"a path of one machine: {text[:60]}")]
    if default:
        return []
    if _DEVICE.match(text) and not falls_back and _is_device_use(source, node):
        return [source.evidence(node, f"a fixed device: {text}, without a fall-back")]
    if re.match(r"^cuda:[1-9]$", text):
        return [source.evidence(node, f"a fixed device: {text}")]
    if (match := _ADDRESS.search(text)) and all(int(part) < 256 for part in match.groups()) and "/" not in text[:1]:
        return [source.evidence(node, f"a host of one network: {match[0]}")] if _looks_like_host(text) else []
    if _DATA_PATH.search(text) and " " not in text and _is_read(source, node):
        return [source.evidence(node, f"a fixed path, seen from the working folder, without a flag: {text[:60]}")]
    return []


def _looks_like_host(text: str) -> bool:
    return "://" in text or bool(re.fullmatch(r"[\d.]+(:\d+)?", text.strip()))


def _is_default(source: Source, node: ast.AST) -> bool:
    """The default of a flag, of a parameter or of a field: a user can give another."""
    for outer in source.enclosing(node):
        if isinstance(outer, ast.Call):
            if (
                dotted(outer.func)
                .rsplit(".", 1)[-1]
                .startswith(("add_argument", "DEFINE_", "option", "field", "Field", "getenv", "get"))
            ):
                return True
        elif isinstance(outer, ast.arguments) or (
            isinstance(outer, ast.AnnAssign) and isinstance(source.parents.get(outer), ast.ClassDef)
        ):
            return True
        elif isinstance(outer, ast.stmt):
            return False
    return False


def _is_device_use(source: Source, node: ast.AST) -> bool:
    parent = source.parents.get(node)
    if isinstance(parent, ast.Compare | ast.IfExp | ast.Subscript):
        return False
    if isinstance(parent, ast.Call):
        return dotted(parent.func).rsplit(".", 1)[-1] in (
            "device",
            "to",
            "Generator",
            "set_device",
            "jit",
            "init_process_group",
            "ones",
            "zeros",
            "tensor",
            "randn",
            "with_device",
        )
    return isinstance(parent, ast.keyword | ast.Assign) and "device" in _target_name(parent).lower()


def _target_name(node: ast.AST) -> str:
    if isinstance(node, ast.keyword):
        return node.arg or ""
    return dotted(node.targets[0]) if isinstance(node, ast.Assign) else ""


def _is_read(source: Source, node: ast.AST) -> bool:
    """Whether a path is read from: given to a reader, or kept as the place of the data."""
    parent = source.parents.get(node)
    if isinstance(parent, ast.JoinedStr) or (isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Div)):
        return False
    for outer in source.enclosing(node):
        if isinstance(outer, ast.Call):
            if dotted(outer.func).endswith(("glob", ".open")) and not dotted(outer.func).startswith(
                ("glob", "os.", "io.")
            ):
                return False
            if any(isinstance(item, ast.Name) and item.id == "__file__" for item in ast.walk(outer)):
                return False
            if dotted(outer.func).rsplit(".", 1)[-1] == "open" and _mode_of(outer)[:1] in "wax":
                return False
            if _READERS.search(dotted(outer.func)):
                return not _OUTPUT.search(text_of(node) or "")
        elif isinstance(outer, ast.keyword) and outer.arg in ("root", "data_dir", "data_path", "path", "root_dir"):
            return True
        elif isinstance(outer, ast.Assign):
            name = _target_name(outer)
            return bool(re.search(r"data|path|dir|file|root", name, re.I)) and not _OUTPUT.search(
                name + (text_of(node) or "")
            )
        elif isinstance(outer, ast.stmt):
            return False
    return False


def _mode_of(call: ast.Call) -> str:
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), None)
    return text_of(given or (call.args[1] if len(call.args) > 1 else None)) or "r"


def _fixed_device(source: Source, call: ast.Call, falls_back: bool) -> list[EvidenceItem]:
    called = dotted(call.func)
    last = called.rsplit(".", 1)[-1]
    if last == "cuda" and not call.args and called != "torch.cuda" and not falls_back and not _under_flag(source, call):
        return [source.evidence(call, ".cuda() without a fall-back")]
    if last == "init_process_group" and "gloo" not in source.text:
        backend = text_of(call.args[0]) if call.args else text_of(
            next((k.value for k in call.keywords if k.arg == "backend"), None)
        )  # fmt: skip
        if backend == "nccl":
            return [source.evidence(call, "a fixed back end: nccl, without a fall-back")]
    if called.endswith("wandb.init") or called == "wandb.init":
        entity = next((text_of(k.value) for k in call.keywords if k.arg == "entity"), None)
        if entity:
            return [source.evidence(call, f"an account of one person or team: {entity}")]
    return []


def _under_flag(source: Source, node: ast.AST) -> bool:
    return any(
        isinstance(outer, ast.If) and re.search(r"cuda|gpu|device", ast.dump(outer.test), re.I)
        for outer in source.enclosing(node)
    )


def _reads_environment(source: Source, node: ast.Subscript) -> bool:
    if not (isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Attribute) and node.value.attr == "environ"):
        return False
    name = text_of(node.slice) or ""
    if name in _LAUNCHER or name.startswith(("SLURM_", "OMPI_", "PMI_")):
        return False
    return not any(isinstance(outer, ast.Try | ast.If) for outer in source.enclosing(node))


def _fixes_devices(node: ast.Assign) -> bool:
    target = node.targets[0]
    return (
        isinstance(target, ast.Subscript)
        and dotted(target.value).endswith("environ")
        and text_of(target.slice) == "CUDA_VISIBLE_DEVICES"
        and bool(text_of(node.value))
    )
