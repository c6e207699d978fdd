"""Datasets: found, read through, compared, and followed to the runs and models that came of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runward.core.hashing import digest_bytes
from runward.data.model import ColumnDoc, FileItem, Manifest, NewDatasetVersion
from runward.registry.model import NewModel, NewVersion
from runward.testing.data import read_by
from runward.tracking.model import NewArtifact, NewProject, NewRun, RunEnd, RunStatus
from tests.browser.conftest import Site, Visitor, barriers
from tests.extras import needs

pytestmark = pytest.mark.browser
PROJECT = "vision/measured"
HOSTILE = "<img src=x onerror=alert(1)> " + "תוצאה " * 20


def _table(root: Path, rows: int, more: str = "") -> None:
    root.mkdir(exist_ok=True)
    header = "id,height" + (",country" if more else "")
    lines = [f"{i},{150 + i}{',' + more if more else ''}" for i in range(rows)]
    (root / "people.csv").write_text("\n".join([header, *lines]) + "\n")


@pytest.fixture(scope="session")
def dataset(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two versions, a run that read the first, and a model that came of it."""
    space, root = site.workspace, tmp_path_factory.mktemp("data") / "people"
    _table(root, 20)
    first = space.datasets.add(root, PROJECT, note="first export").version
    space.data.set_name(first.dataset_id, "1.0.0", first.digest)
    lines = [
        ColumnDoc(table="people.csv", column="height", type="float", unit="cm", missing=0, least="150", greatest="169"),
        ColumnDoc(table="people.csv", column="id", type="int", pii="id", description="of the visitor"),
    ]
    space.data.set_dictionary(first.dataset_id, first.digest, lines)
    space.data.describe_dataset(first.dataset_id, "Heights of visitors")
    run = space.tracking.create_run(NewRun(project=PROJECT, name="reader"))
    read_by(space, run.id, PROJECT, (root / "people.csv").read_bytes())
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
    weights = space.files.put_bytes(PROJECT, b"weights")
    space.tracking.add_artifacts(run.id, [NewArtifact("out/weights.bin", weights)])
    later = space.tracking.create_run(NewRun(project=PROJECT, name="evaluation"))
    read_by(space, later.id, PROJECT, b"weights")
    space.registry.create_model(NewModel("measured", space.tracking.list_projects()[0].team))
    space.registry.create_version("measured", NewVersion("model", run.id))
    _table(root, 25, "DE")
    (root / "notes.md").write_text("more\n")
    space.datasets.add(root, PROJECT, note=HOSTILE)
    return first.dataset_id


@pytest.fixture(scope="session")
def huge(site: Site) -> str:
    """A thousand versions of ten thousand files would take minutes: a thousand of one, and one of ten thousand."""
    space, data = site.workspace, b"same"
    space.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    space.files.put_bytes(PROJECT, data)
    dataset_id = ""
    for count in [*range(1, 1000), 10_000]:
        names = [f"{count:04}/{'x' * 40}/{i:05}.bin" for i in range(1 if count < 1000 else count)]
        manifest = Manifest(files=[FileItem(name, len(data), digest_bytes(data)) for name in names])
        space.files.put_bytes(PROJECT, manifest.encoded())
        new = NewDatasetVersion(project=PROJECT, dataset="huge", manifest=manifest.digest, note=f"n{count}")
        dataset_id = space.data.add_version(new).dataset_id
    return dataset_id


def test_a_dataset_is_found_and_its_history_read(visit: Visitor, dataset: str) -> None:
    """From the list, by a part of its name, to what each version holds and how that moved."""
    page = visit.open("/models")
    page.get_by_role("textbox", name="Filter datasets and models").fill("measured/peo")
    page.get_by_text("1 dataset", exact=True).wait_for()
    page.get_by_role("link", name="people", exact=True).click()
    page.wait_for_url(f"**/data/{dataset}")
    page.get_by_text("Heights of visitors").wait_for()
    row = page.get_by_role("row").filter(has_text="onerror")
    row.get_by_text("25").first.wait_for()
    assert row.get_by_text("+5", exact=True).count() == 1
    page.get_by_role("row").filter(has_text="first export").get_by_text("1.0.0").wait_for()


def test_two_versions_are_compared_columns_first(visit: Visitor, dataset: str) -> None:
    """Columns, rows, files; the rows themselves when they are asked for; and the other way round."""
    needs("polars", "tables")
    page = visit.open(f"/data/{dataset}/changes")
    page.get_by_text("A minor change").wait_for()
    page.get_by_text("people.csv: columns added: country").wait_for()
    page.get_by_text("20 → 25 rows").wait_for()
    page.get_by_role("button", name="Compare the rows").click()
    page.get_by_text("5 added, 0 removed, 0 changed, 20 same").wait_for()
    page.get_by_label("To").fill("1.0.0")
    page.get_by_label("From").fill("latest")
    page.keyboard.press("Enter")
    page.get_by_text("A major change").wait_for()
    page.wait_for_url(re.compile("version=1.0.0"))
    page.get_by_text("column removed").wait_for()


def test_the_dictionary_says_what_is_known_and_how_old_it_is(visit: Visitor, dataset: str) -> None:
    """A later version took the words over, and its counts are said to be older than it."""
    page = visit.open(f"/data/{dataset}/dictionary?version=1.0.0")
    page.get_by_role("row", name=re.compile("height.*cm.*150 … 169")).wait_for()
    page.get_by_role("row", name=re.compile("id int.* id of the visitor")).wait_for()
    assert page.get_by_text("those of an earlier version").count() == 0
    page = visit.open(f"/data/{dataset}/dictionary")
    page.get_by_text("those of an earlier version").wait_for()
    page.get_by_role("row", name=re.compile("country.*not looked at")).wait_for()


def test_a_version_nobody_knows_is_said(visit: Visitor, dataset: str) -> None:
    """With the name that was asked for."""
    page = visit.open(f"/data/{dataset}/files?version=9.9.9")
    page.get_by_role("alert").get_by_text("9.9.9").wait_for()


def test_lineage_is_walked_both_ways_by_keyboard(visit: Visitor, dataset: str) -> None:
    """From the data to the run and the model, and back; each node says its arrows in words."""
    page = visit.open(f"/data/{dataset}/lineage?version=1.0.0")
    run = page.get_by_role(
        "link", name=re.compile("^run .* reader ?: read people 1.0.0, made weights.bin, became measured 1")
    )
    run.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*/lineage")
    page.get_by_role("link", name=re.compile("^model measured 1 ?: came of reader")).click()
    page.wait_for_url("**/models/measured/1")
    page.get_by_role("link", name=re.compile("^dataset people 1.0.0 ?: .*was read by reader")).click()
    page.wait_for_url(f"**/data/{dataset}/lineage?version=*")
    page.get_by_role(
        "link", name=re.compile("^artifact weights.bin ?: was read by evaluation, was made by reader")
    ).click()
    page.wait_for_url("**/runs/*/artifacts?file=out%2Fweights.bin")
    page.go_back()
    page.get_by_text("List", exact=True).click()
    page.get_by_role("row", name=re.compile("people 1.0.0 was read by 1 file .*reader")).wait_for()


@pytest.mark.slow
def test_a_thousand_versions_and_ten_thousand_files_are_read_in_pieces(visit: Visitor, huge: str) -> None:
    """The first ones at once, with the exact number; the others on demand; a picture of the nearest."""
    page = visit.open(f"/data/{huge}")
    page.get_by_text("100 of 1,000 versions").wait_for()
    page.get_by_role("button", name="Show older ones").click()
    page.get_by_text("200 of 1,000 versions").wait_for()
    page = visit.open(f"/data/{huge}/files")
    page.get_by_text("10,000 files, 40 kB").wait_for()
    page.get_by_role("textbox", name="Filter files").fill("09999.bin")
    page.get_by_text("1 file, 4 B").wait_for()
    page = visit.open(f"/data/{huge}/changes")
    page.get_by_text(re.compile(r"\d+ of 10,000 files are shown")).wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(
    "visit", [{"scheme": "light"}, {"scheme": "dark"}, {"scheme": "dark", "width": 400}], indirect=True
)
def test_nobody_is_shut_out(visit: Visitor, dataset: str) -> None:
    """No serious fault on any page, and none scrolls sideways."""
    found: list[Any] = []
    tabs = ("history", "changes", "dictionary", "files", "lineage", "lineage?as=list")
    for path in ("/models", "/models/measured", *(f"/data/{dataset}/{tab}" for tab in tabs)):
        page = visit.open(path)
        page.wait_for_function("() => !document.querySelector('.bone')")
        found += barriers(page, path)
    assert found == []
