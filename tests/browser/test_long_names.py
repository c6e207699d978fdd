"""Names of one word and two hundred characters, and what programs send to a terminal: nothing is pushed out of sight."""

from __future__ import annotations

import pytest

from runward.tracking.model import Batch, NewArtifact, NewProject, NewRun, OutputChunk, RunEnd, RunParam, RunStatus
from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import points

pytestmark = pytest.mark.browser

PROJECT = "vision/long-names"
KEY = "m" * 200


@pytest.fixture(scope="module")
def runs(site: Site) -> list[str]:
    """Two runs whose names differ at their ends, with a key, a tag and a file of one long word each."""
    space = site.workspace
    space.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    ids: list[str] = []
    for seed in range(2):
        name = f"convnet-lr0.0001-width128-seed{seed}"
        params = [RunParam(KEY, "v" * 2000), RunParam("lr", seed)]
        run = space.tracking.create_run(NewRun(project=PROJECT, name=name, params=params, tags={KEY: "t"}))
        progress = "\x1b[1;32m  0%|    |\r 50%|##  |\r100%|####|\x1b[0m\nsaved\n"
        batch = Batch(
            "seed", 0, 1, points=[points(KEY, [1.5 + seed, 2.5])], output=[OutputChunk("stdout", progress, 1.0)]
        )
        space.tracking.append(run.id, batch)
        digest = space.files.put_bytes(PROJECT, b"text")
        space.tracking.add_artifact(run.id, NewArtifact(f"plots/{KEY}.txt", digest, "text/plain"))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
        ids.append(run.id)
    return ids


@pytest.mark.parametrize("visit", [{}, {"scheme": "dark", "width": 400}], indirect=True)
def test_pages_stay_as_wide_as_they_are(runs: list[str], visit: Visitor) -> None:
    pages = {f"/runs/{runs[0]}/{tab}": "2.5" for tab in ("summary", "metrics")}
    pages |= {f"/runs/{runs[0]}/config": "given to this run", f"/runs/{runs[0]}/artifacts": "Download"}
    pages |= {f"/projects/{PROJECT}": "seed1", "/compare?" + "&".join(f"run={run}" for run in runs): "differ"}
    for path, said in pages.items():
        page = visit.open(path)
        page.get_by_text(said).first.wait_for()
        assert barriers(page, path) == []


def test_what_stands_beside_a_long_key_is_in_sight(runs: list[str], visit: Visitor) -> None:
    page = visit.open(f"/runs/{runs[0]}/summary")
    cell = page.get_by_role("row", name=KEY).get_by_text("2.5").first
    cell.wait_for()
    inside = """cell => { const box = cell.closest('.table-scroll').getBoundingClientRect();
        return cell.getBoundingClientRect().right <= box.right + 1; }"""
    assert cell.evaluate(inside)


def test_runs_that_differ_at_the_end_of_their_names_are_told_apart(runs: list[str], visit: Visitor) -> None:
    page = visit.open("/compare?" + "&".join(f"run={run}" for run in runs))
    head = page.get_by_role("columnheader").get_by_text("convnet-lr0.0001-width128-seed1")
    head.wait_for()
    assert head.evaluate("name => name.scrollHeight <= name.clientHeight && name.scrollWidth <= name.clientWidth")


def test_a_progress_bar_stands_as_it_ended(runs: list[str], visit: Visitor) -> None:
    page = visit.open(f"/runs/{runs[0]}/output")
    output = page.get_by_role("region", name="Output of the run")
    output.wait_for()
    assert output.inner_text() == "100%|####|\nsaved\n"
