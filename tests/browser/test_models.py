"""Models: who pointed which alias at what, and how a version is put up for promotion."""

from __future__ import annotations

import os
import pickle

import msgspec
import pytest

from runward.registry.model import NewModel, NewVersion, Signature, TensorField
from runward.registry.version_model import NewDeployment
from runward.testing.modelversions import WEIGHTS, Wicked
from runward.testing.worlds import batch
from runward.tracking.model import NewArtifact, NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.slices import slices
from runward.tracking.slices_model import SLICES_TYPE
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
PROJECT = "vision/promoted"


def test_a_version_is_put_up_for_promotion_and_its_story_told(site: Site, visit: Visitor) -> None:
    space = site.workspace
    space.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    run = space.tracking.create_run(NewRun(project=PROJECT, name="candidate-run"))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    space.registry.create_model(NewModel("promoted"))
    space.registry.create_version("promoted", NewVersion(f"runs:/{run.id}/model", run.id))
    space.registry.set_alias("promoted", "candidate", 1, reason="first")
    space.registry.override_alias("promoted", "production", 1, "the night before")
    space.registry.set_alias("promoted", "production", None)
    page = visit.open("/models/promoted")
    page.get_by_text("past the review").wait_for()
    page.get_by_text("the night before").wait_for()
    assert barriers(page, "the model's page") == []
    page.get_by_role("button", name="Ask for promotion").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_label("Alias").input_value() == "production"
    dialog.get_by_role("button", name="Request review").click()
    page.wait_for_url("**/reviews/*")
    page.get_by_role("link", name="promoted 1").wait_for()
    assert space.review.list_reviews()[0].alias == "production"


def test_the_page_of_a_version(site: Site, visit: Visitor) -> None:
    """Its run, files with what loading them does, card, what it serves; empty where nothing is known."""
    space, name = site.workspace, "letters"
    space.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    run = space.tracking.create_run(NewRun(project=PROJECT, name="letters-run"))
    files = {"weights.safetensors": WEIGHTS, "vocabulary.pkl": pickle.dumps(Wicked()), "plain.npy": b"?"}
    for path, data in files.items():
        digest = space.files.put_bytes(PROJECT, data)
        space.tracking.add_artifact(run.id, NewArtifact(f"model/{path}", digest))
    report = slices([1, 0] * 40, [1, 1, 0, 0] * 20, {"site": ["north", "south"] * 40}, log=False)
    digest = space.files.put_bytes(PROJECT, msgspec.json.encode(report))
    space.tracking.add_artifact(run.id, NewArtifact("slices/sites.json", digest, SLICES_TYPE))
    space.tracking.append(run.id, batch(0, {"acc": [(1, 0.93)]}))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    space.registry.create_model(NewModel(name))
    signature = Signature([TensorField("float32", "image", [-1, 28, 28])], [TensorField("int64", "", [-1])])
    new = NewVersion(f"runs:/{run.id}/model", run.id, signature=signature, input_example=[[0.5]], expected_output=[7])
    space.registry.create_version(name, new)
    space.registry.create_version(name, NewVersion("elsewhere"))
    space.registry.set_alias(name, "candidate", 1, reason="first")
    space.registry.record_deployment(name, NewDeployment(1, "eu-west", url="https://eu.example.org", note="pilot"))
    space.registry.record_handoff(name, 1, "ab" * 32)
    page = visit.open(f"/models/{name}")
    page.get_by_role("link", name="eu-west").wait_for()
    page.get_by_text("no applied review let version 1 in").first.wait_for()
    assert barriers(page, "the model's page") == []
    page.get_by_role("link", name="Version 1", exact=True).click()
    page.wait_for_url(f"**/models/{name}/1")
    page.get_by_text("image: float32[?, 28, 28]").wait_for()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="vocabulary.pkl"))
    row.get_by_text("dangerous").wait_for()
    row.get_by_text(f"{os.system.__module__}.system").wait_for()
    page.get_by_text("Missing: Summary, Intended use").wait_for()
    page.get_by_text("nobody yet").wait_for()
    page.get_by_role("button", name="Write it").click()
    page.get_by_label("Limitations").fill("Sevens with a bar.")
    page.get_by_role("button", name="Save the card").click()
    page.get_by_role("button", name="Save the card").wait_for(state="detached")
    page.get_by_text("Sevens with a bar.").wait_for()
    assert space.registry.get_card(name, 1).fields == {"limitations": "Sevens with a bar."}
    assert barriers(page, "the version's page") == []
    page.set_viewport_size({"width": 400, "height": 800})
    assert barriers(page, "the version's page on a phone") == []
    visit.open(f"/models/{name}?version=2")
    page.wait_for_url(f"**/models/{name}/2")
    page.get_by_text("registered without a run, so nothing is known of the code").wait_for()
    page.get_by_text("No alias ever pointed at it.").wait_for()
    assert barriers(page, "the page of a version of which nothing is known") == []
