"""What a review says of a version's files and of its card."""

from __future__ import annotations

import pytest

from runward.core.ids import Digest
from runward.registry.version_model import CardState, Format, ModelFile
from runward.review.model import Verdict
from runward.review.modelfiles import check_card, check_files

SAFE = Format(name="safetensors", safety="safe")
PICKLE = Format(name="pickle", safety="unsafe", imports=["numpy.ndarray"])
JOBLIB = Format(name="joblib", safety="unsafe", imports=["numpy.ndarray"], complete=False)
EVIL = Format(name="pickle", safety="unsafe", imports=["numpy.ndarray", "os.system"], dangerous=["os.system"])
LARGE = Format(name="ZIP", safety="unknown", complete=False)


@pytest.mark.parametrize(
    ("formats", "verdict", "required"),
    [
        ([SAFE, SAFE], Verdict.PASS, False),
        ([SAFE, PICKLE], Verdict.WARN, False),
        ([PICKLE, JOBLIB], Verdict.NEEDS_PERSON, False),
        ([SAFE, LARGE], Verdict.NEEDS_PERSON, False),
        ([], Verdict.NEEDS_PERSON, False),
        ([SAFE, JOBLIB, EVIL], Verdict.FAIL, True),
    ],
)
def test_files(formats: list[Format], verdict: Verdict, required: bool) -> None:
    files = [ModelFile(path=f"f{at}", digest=Digest("0" * 64), size=1, format=one) for at, one in enumerate(formats)]
    found = check_files(files)
    assert (found.verdict, found.required) == (verdict, required)
    if verdict is Verdict.FAIL:
        assert [(place.file, place.message) for place in found.evidence] == [("f2", "pickle: imports os.system")]


def test_a_card_that_is_not_written_closes_the_gate_where_documentation_is_required() -> None:
    empty, lacking = CardState(number=0, missing=["owner"]), CardState(number=2, missing=["owner"])
    written = CardState(number=2, missing=[])
    assert [check_card(card, True).verdict for card in (empty, lacking, written)] == [
        Verdict.FAIL,
        Verdict.FAIL,
        Verdict.PASS,
    ]
    assert [check_card(card, False).verdict for card in (empty, lacking, written)] == [
        Verdict.WARN,
        Verdict.WARN,
        Verdict.PASS,
    ]
    assert check_card(lacking, True).required
    assert check_card(lacking, True).message == "the model card lacks answers: owner"
