"""Beside the checklist: unsafe loading, secrets, and seeds that are not set."""

from __future__ import annotations

import ast

from runward.review.code.source import Judgement, Source, dotted
from runward.review.model import EvidenceItem, Verdict
from runward.tracking.capture.redact import find_secrets

_PICKLES = frozenset(
    {"pickle.load", "pickle.loads", "dill.load", "dill.loads", "cloudpickle.load", "cloudpickle.loads"}
)
_RANDOM = {
    "random": ("random.", ("random.seed",)),
    "numpy": ("np.random.", ("np.random.seed", "np.random.default_rng", "np.random.RandomState")),
    "torch": ("torch.", ("torch.manual_seed",)),
    "tensorflow": ("tf.", ("tf.random.set_seed", "tf.set_random_seed", "tf.random.set_random_seed")),
}
_SEEDS_ALL = (
    "seed_everything",
    "set_seed",
    "set_global_seeds",
    "fix_random_seeds",
    "random_seed",
    "set_random_seed",
    "init_seeds",
)


def loads_safely(source: Source) -> Judgement:
    """Nothing runs code while loading data."""
    found = [source.evidence(call, text) for called, call in source.calls if (text := _unsafe(called, call))]
    if found:
        return Judgement(Verdict.FAIL, f"{len(found)} place(s) run code while loading data", found)
    return Judgement(Verdict.PASS, "no unsafe loading or evaluation", [])


def _unsafe(called: str, call: ast.Call) -> str:
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if called in ("eval", "exec"):
        return f"{called}() runs text as code"
    if called in _PICKLES:
        return f"{called} runs code from the file"
    if called == "torch.load" and not _is_true(keywords.get("weights_only")):
        return "torch.load without weights_only=True"
    loader = keywords.get("Loader", call.args[1] if len(call.args) > 1 else None)
    if called == "yaml.load" and "Safe" not in (dotted(loader) if loader else ""):
        return "yaml.load without a safe loader"
    return f"{called} with shell=True" if _is_true(keywords.get("shell")) else ""


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def no_secrets(source: Source) -> Judgement:
    """No key, token or password is written in the code."""
    found = list[EvidenceItem]()
    for secret in find_secrets(source.text):
        line = source.text.count("\n", 0, secret.start) + 1
        found.append(source.evidence(line, f"looks like a secret ({secret.kind})"))
    if found:
        return Judgement(Verdict.FAIL, f"{len(found)} secret(s) in the code", found)
    return Judgement(Verdict.PASS, "no secrets in the code", [])


def unseeded(source: Source) -> list[EvidenceItem]:
    """Random libraries that an entry draws from without a seed."""
    called = {name: call for name, call in reversed(source.calls) if name}
    if not source.is_entry or any(name.rsplit(".", 1)[-1] in _SEEDS_ALL for name in called):
        return []
    found = []
    for library, (prefix, seeds) in _RANDOM.items():
        draws = [call for name, call in called.items() if name.startswith(prefix) and _draws(library, name)]
        if library in source.imports and draws and not any(name in seeds for name in called):
            found.append(source.evidence(min(draws, key=lambda call: call.lineno), f"{library} draws without a seed"))
    return found


def _draws(library: str, name: str) -> bool:
    last = name.rsplit(".", 1)[-1]
    if library in ("torch", "tensorflow"):
        return (
            last.startswith(("rand", "normal", "multinomial", "shuffle", "uniform", "truncated"))
            or last == "DataLoader"
        )
    return last not in ("seed", "getstate", "setstate", "default_rng", "RandomState", "Random", "Generator")
