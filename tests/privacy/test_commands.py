"""``runward person``, ``retention`` and ``hold``, as people type them."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.privacy.inventory import TABLES
from runward.privacy.model import NewErasure
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli
from tests.privacy.conftest import traces
from tests.privacy.planted import LOGIN, NAME, PROJECT, WORDS, Planted, plant


@pytest.fixture
def planted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Planted]:
    """The workspace of the command line, whose owner the folder's user claims to be."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "owner")
    with contextlib.closing(open_folder(folder, "owner")) as space:
        yield plant(space.dispatcher, space)


def test_an_archive_has_all_that_concerns_a_person(cli: Cli, planted: Planted, tmp_path: Path) -> None:
    """Everything that was planted is in it, nothing that lets somebody in, and it explains itself."""
    file = tmp_path / "z.zip"
    told = cli.json("person", "export", NAME, str(file), "--also", LOGIN)
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        assert {"README.md", "schema.json", "files.json"} <= names
        tables = {
            name.removeprefix("tables/").removesuffix(".jsonl"): archive.read(name) for name in names if "/" in name
        }
        files = json.loads(archive.read("files.json"))
        schema = json.loads(archive.read("schema.json"))
    assert told["rows"] == {table: len(data.splitlines()) for table, data in tables.items()}
    assert file.stat().st_mode & 0o777 == 0o600
    concerned = {
        "members", "grants", "tokens", "secrets", "identities", "audit_events", "events", "projects", "experiments", "runs",
        "params", "tags", "metrics", "outputs", "captures", "comments", "comment_versions", "pins", "favourites",
        "saved_views", "models", "model_versions", "datasets", "dataset_versions", "verifications", "reviews",
        "review_comments", "votes", "pages", "page_versions", "reports", "report_links", "notifications",
    }  # fmt: skip
    assert concerned <= tables.keys()
    assert {item["digest"] for item in files} >= set(planted.files.values())
    for table, data in tables.items():
        kinds = TABLES[table].columns
        for row in map(json.loads, data.splitlines()):
            assert not [column for column in row if kinds[column] in ("secret", "packed", "sealed")]
            assert schema["tables"][table]["columns"].keys() >= row.keys()
    assert b"203.0.113.77" in tables["audit_events"]


def test_an_erasure_from_the_dry_run_to_the_certificate(cli: Cli, planted: Planted, tmp_path: Path) -> None:
    """Asked for by one, confirmed by another, undecided files named, and checked offline at the end."""
    dry = cli.json("person", "erase", NAME, "--also", LOGIN, "--dry-run")
    assert (dry["refused"], dry["removed"]["tokens"], dry["replaced"]["runs.created_by"]) == ("", 1, 1)
    assert {one["digest"] for one in dry["files"]} >= set(planted.files.values())
    asked = planted.second.privacy.request_erasure(_asked())
    waits = cli("person", "confirm", asked.id, "--others", "replace")
    assert (waits.code, "decide on each file" in waits.out) == (3, True)
    wrong = cli("person", "decide", asked.id, "--file", "x=shred")
    assert (wrong.code, "not understood" in wrong.err) == (2, True)
    options = [f"--file={planted.files[name]}=delete" for name in ("model", "picture")]
    done = cli("person", "decide", asked.id, *options)
    assert (done.code, "erased: erased-" in done.out) == (0, True)
    assert [one["state"] for one in cli.json("person", "erasures")] == ["done"]
    file, key = tmp_path / "erased.json", tmp_path / "key.pem"
    cli.json("person", "certificate", asked.id, str(file))
    key.write_text(cli("key").out)
    assert cli("verify", "--certificate", str(file), "--key", str(key)).code == 0
    assert traces(WORDS, file.read_bytes()) == []
    other = json.loads(file.read_text())
    other["payload"] = other["payload"][:-8] + "AAAAAAAA"
    file.write_text(json.dumps(other))
    assert cli("verify", "--certificate", str(file), "--key", str(key)).code == 1
    assert "the member was forgotten" in cli("audit", "verify").out


def _asked() -> NewErasure:
    return NewErasure(NAME, "asked by mail", [LOGIN])


def test_a_request_without_a_reason_and_one_that_is_taken_back(cli: Cli, planted: Planted) -> None:
    assert cli("person", "erase", NAME).code == 2
    asked = cli.json("person", "erase", NAME, "--reason", "left")
    none = cli("person", "certificate", asked["id"])
    assert (none.code, "has no certificate" in none.err) == (2, True)
    alone = cli("person", "confirm", asked["id"])
    assert (alone.code, "does not confirm" in alone.err) == (2, True)
    assert cli.json("person", "withdraw", asked["id"])["state"] == "withdrawn"
    assert cli("person", "confirm", asked["id"]).code == 2


def test_rules_and_holds(cli: Cli, planted: Planted) -> None:
    """Set, listed, tried, applied, brought back; held and lifted."""
    assert cli("retention", "set", "vision", "--kind", "artifacts").code == 2
    cli.json("retention", "set", "vision", "--kind", "artifacts", "--after", "0d", "--results")
    cli.json("retention", "set", PROJECT, "--kind", "logs", "--keep")
    assert {(one["project"], one["kind"], one["after_days"]) for one in cli.json("retention", "list", PROJECT)} == {
        ("vision", "artifacts", 0.0), (PROJECT, "logs", None),
    }  # fmt: skip
    held = cli.json("hold", "set", planted.run, "--reason", "case 7")
    (told,) = [one for one in cli.json("retention", "apply", "--dry-run") if one["project"] == PROJECT]
    assert (told["runs"], told["spared_held"]) == (0, 1)
    assert [one["id"] for one in cli.json("hold", "list")] == [held["id"]]
    assert cli("hold", "set", "nothing-there", "--reason", "x").code == 2
    cli.json("hold", "lift", held["id"], "--reason", "settled")
    (told,) = [one for one in cli.json("retention", "apply", "--dry-run") if one["project"] == PROJECT]
    assert (told["runs"], told["items"]) == (1, 5)
    assert told["bytes"] > 25_000
    cli.json("retention", "apply")
    assert planted.owner.tracking.get_run(planted.run).artifacts == []
    assert cli.json("retention", "restore", planted.run, "--kind", "artifacts") == []
    assert len(planted.owner.tracking.get_run(planted.run).artifacts) == 5
    cli.json("retention", "remove", "vision", "--kind", "artifacts")
    assert cli.json("hold", "set", PROJECT, "--reason", "case 8")["object_kind"] == "project"
    assert len(cli.json("hold", "list", "--all")) == 2


def test_a_held_person_is_refused_by_name_of_what_holds(cli: Cli, planted: Planted) -> None:
    cli.json("hold", "set", planted.run, "--reason", "case 7")
    said = cli("person", "erase", NAME, "--dry-run")
    assert (said.code, "under a legal hold" in said.out) == (1, True)
    assert isinstance(planted.owner, FolderWorkspace)
