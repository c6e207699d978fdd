"""What a team shares: stored once, versioned, found, recommended, announced."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runward import face
from runward.errors import InvalidError, NotFoundError
from runward.execution.experiment import Experiment
from runward.governance.model import NewMember
from runward.team.knowledge import (
    TeamKnowledgeBase,
    get_current_user,
    get_recommendations,
    get_timestamp,
    notify_team,
    search_knowledge,
    share_results,
    store_knowledge,
    store_results,
)
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, open_folder
from tests.team.stages import train

SUMMARY: dict[str, Any] = {
    "experiment_id": "e1",
    "performance": {"accuracy": 0.91},
    "timestamp": "2025-07-24T10:00:00Z",
}
PRACTICE = {"name": "Warm up", "description": "Warm up the learning rate over the first steps"}


def colleague(workspace: Path, name: str = "bea") -> FolderWorkspace:
    face.current_workspace().governance.create_member(NewMember(name, team="*"))
    return open_folder(workspace, name)


def new_run() -> str:
    tracking = face.current_workspace().tracking
    tracking.create_project(NewProject("lab", exist_ok=True))
    return tracking.create_run(NewRun(project="lab")).id


def test_results_are_stored_once() -> None:
    """The same summary again is the same page in its first version; another one is another page."""
    first = store_results(SUMMARY, "team_experiments/lab")
    assert store_results(dict(SUMMARY), "team_experiments/lab") == first
    assert store_results({**SUMMARY, "performance": {"accuracy": 0.92}}, "team_experiments/lab") != first
    assert store_results(SUMMARY, "team_experiments/other") != first
    page = face.current_workspace().knowledge.get_page(first)
    assert (page.version, page.kind, page.data) == (1, "result", SUMMARY)
    assert "| accuracy | 0.91 |" in page.body


def test_the_team_hears_of_results_once(workspace: Path) -> None:
    bea = colleague(workspace)
    page_id = store_results(SUMMARY, "team_experiments/lab")
    store_results(SUMMARY, "team_experiments/lab")
    heard = [item for item in bea.coordination.inbox().items if item.object_id == page_id]
    assert [item.kind for item in heard] == ["page.published"]
    bea.close()


def test_a_diverged_metric_is_kept_as_what_it_is() -> None:
    page_id = store_results({"performance": {"loss": math.nan}, "settings": {"sizes": (1, 2)}}, "r")
    assert face.current_workspace().knowledge.get_page(page_id).data == {
        "performance": {"loss": "nan"},
        "settings": {"sizes": [1, 2]},
    }


@pytest.mark.parametrize(
    ("summary", "repository", "words"),
    [({}, "r", "mapping that is not empty"), ("text", "r", "mapping"), (SUMMARY, " ", "repository must be a name")],
)
def test_what_is_no_summary_is_refused(summary: Any, repository: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        store_results(summary, repository)


def test_shared_results_name_the_experiment_and_its_figures() -> None:
    results = _results()
    page = face.current_workspace().knowledge.get_page(share_results(results, "Vision"))
    assert page.repository == "team_experiments/Vision"
    assert page.data["performance"] == {"accuracy": 0.5}
    assert page.data["experiment_id"] == results.experiment_id
    assert page.title.startswith("digits (")
    with pytest.raises(InvalidError, match="results of an experiment"):
        share_results({"accuracy": 1}, "Vision")  # type: ignore[arg-type]


def _results() -> Any:
    experiment = Experiment("digits")
    experiment.add(train)
    return experiment.run()


def test_a_practice_gets_a_version_only_for_new_content() -> None:
    first = store_knowledge({**PRACTICE, "timestamp": "1"}, "kb")
    assert store_knowledge({**PRACTICE, "timestamp": "2"}, "kb") == first
    knowledge = face.current_workspace().knowledge
    assert knowledge.get_page(first).version == 1
    assert store_knowledge({**PRACTICE, "description": "Warm up for longer"}, "kb") == first
    assert knowledge.get_page(first).version == 2
    assert [version.body for version in knowledge.page_versions(first)][-1] == PRACTICE["description"]


def test_evidence_of_a_practice_must_exist() -> None:
    run_id = new_run()
    page_id = store_knowledge({**PRACTICE, "evidence": [run_id]}, "kb")
    assert [item.id for item in face.current_workspace().knowledge.get_page(page_id).evidence] == [run_id]
    with pytest.raises(NotFoundError):
        store_knowledge({**PRACTICE, "name": "Other", "evidence": ["no-such-run"]}, "kb")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"kind": "rumour"}, "cannot be a 'rumour'"),
        ({"tags": "fast"}, "tags of a knowledge entry must be a list"),
        ({"evidence": [1]}, "evidence of a knowledge entry must be a list"),
    ],
)
def test_a_wrong_entry_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        store_knowledge({**PRACTICE, **change}, "kb")


def test_search_keeps_to_the_repository() -> None:
    store_knowledge(PRACTICE, "kb")
    store_knowledge({"name": "Cool down", "description": "Lower the learning rate at the end"}, "elsewhere")
    assert [hit["name"] for hit in search_knowledge("learning rate", "kb")] == ["Warm up"]
    assert {hit["name"] for hit in search_knowledge("learning rate")} == {"Warm up", "Cool down"}
    assert search_knowledge("giraffe") == []
    assert len(search_knowledge("learning rate", limit=1)) == 1


def test_recommendations_say_why_and_cite_runs() -> None:
    run_id = new_run()
    store_knowledge({**PRACTICE, "evidence": [run_id]}, "kb")
    experiment = Experiment("schedules", description="Which warm up helps?")
    experiment.add(train)
    for situation in (experiment, {"schedule": "warm"}, "warm up"):
        [advice] = get_recommendations(situation, "kb")
        assert advice["name"] == "Warm up"
        assert "warm" in advice["matched"]
        assert "supported by 1 run" in advice["reason"]
        assert advice["runs"] == [run_id]
    assert get_recommendations({"colour": "blue"}, "kb") == []
    with pytest.raises(InvalidError, match="got int"):
        get_recommendations(3)


def test_recommendations_for_results_look_at_their_configuration() -> None:
    store_knowledge({"name": "Digits", "description": "Normalise digits"}, "kb")
    [advice] = get_recommendations(_results(), "kb")
    assert advice["name"] == "Digits"


def test_a_local_user_is_not_verified() -> None:
    user = get_current_user()
    assert isinstance(user, str)
    assert user
    assert (user.verified, user.via) == (False, "folder")


def test_the_timestamp_is_utc() -> None:
    before = datetime.now(UTC)
    stamp = datetime.fromisoformat(get_timestamp())
    assert before <= stamp <= datetime.now(UTC)
    assert stamp.utcoffset() == UTC.utcoffset(None)


def test_a_message_reaches_everybody_else(workspace: Path) -> None:
    bea = colleague(workspace)
    assert notify_team("Any name", {"experiment": "digits", "performance": {"accuracy": 0.9}}) == 1
    [message] = [item for item in bea.coordination.inbox().items if item.kind == "team.message"]
    assert message.title == "Any name: digits (accuracy 0.9)"
    assert notify_team("Any name", "Lunch at noon\nin the hall") == 1
    bea.close()


def test_of_several_teams_the_name_must_be_right() -> None:
    face.current_workspace().governance.create_team("Vision")
    assert notify_team("Vision", "hello") == 0
    with pytest.raises(NotFoundError, match="no team 'Visoin'") as caught:
        notify_team("Visoin", "hello")
    assert "Vision" in caught.value.hint


def test_a_repository_named_after_a_team_belongs_to_it() -> None:
    space = face.current_workspace()
    space.governance.create_team("Vision")
    page = space.knowledge.get_page(store_results(SUMMARY, "team_experiments/Vision"))
    assert page.team == "Vision"


def test_the_knowledge_base_of_a_team() -> None:
    base = TeamKnowledgeBase("Vision")
    page_id = base.share_best_practice("Warm up", PRACTICE["description"], "warm_up(5)", evidence=[new_run()])
    page = face.current_workspace().knowledge.get_page(page_id)
    assert page.repository == "knowledge_base/Vision"
    assert page.data["contributor"] == get_current_user()
    assert page.tags == base.extract_tags(PRACTICE["description"])
    assert base.search_knowledge("warm")[0]["id"] == page_id
    assert base.get_recommendations("warm up")[0]["code_example"] == "warm_up(5)"


def test_a_subclass_hears_of_new_practices() -> None:
    heard: list[Any] = []

    class Loud(TeamKnowledgeBase):
        def notify_team_new_practice(self, practice: Any) -> None:
            heard.append(practice["name"])

    Loud("Vision").share_best_practice("Warm up", "slowly")
    assert heard == ["Warm up"]
