"""What counts as an answer in a card, how a card is read back, and that a hub can read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.said import is_said
from runward.errors import InvalidError
from runward.registry.cards import FIELDS, CardFacts, missing_of, parse, render
from runward.registry.model import AliasEvidence
from runward.testing.modelcards import ANSWERS
from runward.tracking.model import MetricSummary, RunParam
from tests.extras import needs

EVIDENCE = AliasEvidence(
    run_id="r1", run_name="one", revision="ab" * 32, commit="c" * 40, level="basic", verification="v1"
)
METRICS = [
    MetricSummary("val/accuracy", 3, 0.91, 2, 0.5, 0.91),
    MetricSummary("loss", 3, None, 2, None, None, "NaN"),
    MetricSummary("slices/sex/f/accuracy", 1, 0.8, 0, 0.8, 0.8),
]
FACTS = CardFacts(
    "digits", 3, "registered 2026-11-21 by ada", ["`w.safetensors`: safetensors"], EVIDENCE, "Python 3.12 on Linux", [],
    [RunParam("lr", 0.1), RunParam("odd", "a|b\nc")], METRICS, [],
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "TODO", "*TBD*", "n/a", "...", "-", "[More Information Needed]", "<!-- say it -->", "{{ owner }}", "[your name here]",
     "TODO: ask Ada", "Lorem ipsum dolor", "🙂", "_Where does it fail, and for whom does it work worse?_", "\u200b"],
)  # fmt: skip
def test_what_is_no_answer(text: str) -> None:
    template = next(field.template for field in FIELDS if field.key == "limitations")
    assert not is_said(text, template)


@pytest.mark.parametrize(
    "text",
    [
        "None are known to us.",
        "Todos are not handled.",
        "Ärzte",
        "数字",
        "[our list](https://x.org/list) has them",
        "7",
    ],
)
def test_what_is_an_answer(text: str) -> None:
    assert is_said(text, "Where does it fail?")


def test_an_empty_card_misses_what_is_required_and_its_own_text_too() -> None:
    required = [field.key for field in FIELDS if field.required]
    empty = render(FACTS, {})
    assert missing_of({}) == required
    assert parse(empty).fields == {}
    assert missing_of(parse(empty).fields) == required


def test_a_card_is_read_back_from_its_markdown() -> None:
    answers = {**ANSWERS, "licence": "apache-2.0", "language": "en, de", "tags": "digits, mlp"}
    answers["limitations"] = "# Known\n\n---\n\nSevens; **bars**."
    found = parse(render(FACTS, answers))
    assert found.unknown == []
    again = {key: text for key, text in answers.items() if key != "dataset"}
    assert found.fields == {**again, "limitations": "#### Known\n\n---\n\nSevens; **bars**."}


def test_a_card_of_another_tool_is_read_as_far_as_it_fits() -> None:
    text = "---\nlicense: mit\npipeline_tag: text-classification\n---\n# x\n\n## Limitations\n\nMany.\n\n## Carbon\n\nMuch.\n"
    found = parse(text)
    assert found.fields == {"licence": "mit", "task": "text-classification", "limitations": "Many."}
    assert found.unknown == ["Carbon"]
    assert parse("owner: ada\nlanguage: [en, de]").fields == {"owner": "ada", "language": "en, de"}
    for wrong in ("just words", "[1, 2]", "---\na: [\n---\n## Limitations\n"):
        with pytest.raises(InvalidError, match="card"):
            parse(wrong)


def test_a_card_is_valid_for_the_hub() -> None:
    hub = needs("huggingface_hub", "cards")
    card = hub.ModelCard(render(FACTS, ANSWERS), ignore_metadata_errors=False)
    assert (card.data.license, card.data.pipeline_tag, card.data.model_name) == (
        "apache-2.0",
        "image-classification",
        "digits",
    )
    (result,) = card.data.eval_results
    assert isinstance(result, hub.EvalResult)
    assert (result.task_type, result.dataset_name, result.dataset_type) == (
        "image-classification",
        "MNIST test",
        "mnist-test",
    )
    assert (result.metric_type, result.metric_value, result.metric_name) == ("accuracy", 0.91, "val/accuracy")
    other = hub.ModelCard(render(FACTS, {"licence": "Ours: ask --- legal\n---\nplease"}), ignore_metadata_errors=False)
    assert (other.data.license, other.data.license_name) == ("other", "Ours: ask --- legal --- please")
    bare = FACTS._replace(metrics=[], params=[], evidence=AliasEvidence())
    assert hub.ModelCard(render(bare, {}), ignore_metadata_errors=False).data.eval_results is None


@given(st.text(max_size=80), st.text(max_size=40), st.floats(allow_nan=False, allow_infinity=False))
def test_any_answer_makes_a_card_that_the_hub_reads(answer: str, licence: str, value: float) -> None:
    hub = needs("huggingface_hub", "cards")
    facts = FACTS._replace(metrics=[MetricSummary("m", 1, value, 0, value, value)])
    fields = {
        "licence": licence,
        "task": answer,
        "tags": answer,
        "language": licence,
        "dataset": answer,
        "limitations": answer,
    }
    card = hub.ModelCard(render(facts, fields), ignore_metadata_errors=False)
    assert card.data.eval_results[0].metric_value == pytest.approx(value)
