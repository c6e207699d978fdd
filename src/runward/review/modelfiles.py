"""What a review asks of a version that is to get an alias: that its files do not run code unseen, and that its card is written."""

from __future__ import annotations

from collections.abc import Sequence

from runward.governance.calling import Call
from runward.registry.aliases import version_of
from runward.registry.cardwriting import card_state
from runward.registry.contents import files_of
from runward.registry.version_model import CardState, ModelFile
from runward.review.model import CheckResult, EvidenceItem, Verdict

CARD = "model card"
"""The name of the check on a version's card."""
_MAX_EVIDENCE = 20
_MAX_NAMES = 10


def version_checks(call: Call, model_id: str, version: int, *, documented: bool) -> list[CheckResult]:
    """The checks ``model files`` and ``model card`` of a version.

    Args:
        call: The call.
        model_id: The model.
        version: Its version; one that is gone has no checks.
        documented: Whether the project's standards require documentation.
    """
    found = version_of(call.tx, model_id, version)
    if found is None:
        return []
    files, _ = files_of(call, model_id, found)
    return [check_files(files), check_card(card_state(call, model_id, version), documented)]


def check_files(files: Sequence[ModelFile]) -> CheckResult:
    """Formats that run code on loading are a warning; what would start programs or touch files fails.

    What could not be looked into is left to the reviewer: it neither passes nor closes the gate.
    """
    dangerous = [file for file in files if file.format.dangerous]
    unsafe = [file for file in files if file.format.safety == "unsafe" and not file.format.dangerous]
    unseen = [file for file in files if not file.format.complete]
    if dangerous:
        return _result(Verdict.FAIL, "loading it would start programs, run code or touch files", dangerous)
    if unseen:
        return _result(Verdict.NEEDS_PERSON, "not all that loading it would import could be seen", unseen)
    if unsafe:
        words = "a file runs code when it is loaded; safetensors, ONNX and skops do not"
        return _result(Verdict.WARN, words, unsafe)
    if not files:
        return _result(Verdict.NEEDS_PERSON, "the workspace has none of its files, so nothing is known of them", [])
    return _result(Verdict.PASS, f"none of {len(files)} files is known to run code on loading", [])


def _result(verdict: Verdict, message: str, files: Sequence[ModelFile]) -> CheckResult:
    evidence = [EvidenceItem(_told(file), file=file.path) for file in files[:_MAX_EVIDENCE]]
    return CheckResult("model files", "gate", verdict, message, evidence, required=verdict is Verdict.FAIL)


def _told(file: ModelFile) -> str:
    names = file.format.dangerous or file.format.imports
    more = f", and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    imports = f": imports {', '.join(names[:_MAX_NAMES])}{more}" if names else ""
    note = f" ({file.format.note})" if file.format.note else ""
    return f"{file.format.name}{imports}{note}"


def check_card(card: CardState, documented: bool) -> CheckResult:
    """A card that is empty or template text fails where documentation is required, and is a warning elsewhere."""
    if not card.missing:
        return CheckResult(CARD, "gate", Verdict.PASS, "the model card is written", [], required=documented)
    said = "nobody wrote the model card" if not card.number else "the model card lacks answers"
    verdict = Verdict.FAIL if documented else Verdict.WARN
    evidence = [EvidenceItem(f"missing: {', '.join(card.missing)}")]
    message = f"{said}: {', '.join(card.missing)}"
    return CheckResult(CARD, "gate", verdict, message, evidence, required=documented)
