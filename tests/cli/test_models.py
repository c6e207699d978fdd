"""``runward model`` as people type it: a version of theirs becomes production when somebody else approved it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import runward
from runward.governance.model import NewMember
from runward.testing.modelcards import ANSWERS
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli


@pytest.fixture
def space(folder: Path, cli: Cli) -> FolderWorkspace:
    """A finished run ``one`` with a model, and ben, who reviews."""
    with runward.start(project="p", name="one", capture=False) as run:
        run.log_metrics({"acc": 0.9})
        (folder.parent / "weights.npy").write_bytes(b"weights")
        run.log_artifact(str(folder.parent / "weights.npy"), "model/weights.npy")
    space = open_folder(folder)
    space.governance.create_member(NewMember(name="ben", role="reviewer"))
    return space


def test_from_a_run_to_production_and_who_decided(cli: Cli, space: FolderWorkspace, folder: Path) -> None:
    made = cli.json("model", "register", "digits", "one")
    assert (made["model"], made["version"], made["run_id"]) == ("digits", 1, space.tracking.resolve_run("one").id)
    refused = cli("model", "alias", "digits", "production", "1")
    assert refused.code == 1
    assert "runward model request digits 1 production" in refused.err
    asked = cli.json("model", "request", "digits", "1", "production", "--title", "Go live")
    number = str(asked["review"]["number"])
    assert "digits 1 as production, in place of none" in cli("review", "show", number).out
    ben = open_folder(folder, "ben")
    ben.review.approve(asked["review"]["id"], asked["review"]["revision"])
    assert cli.json("model", "show", "digits")["model"]["aliases"] == {"production": 1}
    assert "production → 1" in cli("model", "list").out
    told = cli("model", "history", "digits").out
    assert f"review #{number}, approved by ben: Go live" in told
    assert "run one" in told
    today, long_ago = datetime.now(UTC) + timedelta(days=1), "2001-01-01"
    (move,) = cli.json("model", "history", "digits", "--alias", "production", "--at", today.strftime("%Y-%m-%d"))
    assert (move["version"], move["reviewed"], move["evidence"]["approved_by"]) == (1, True, ["ben"])
    assert cli.json("model", "history", "digits", "--at", long_ago) == []
    assert "no alias was in force" in cli("model", "history", "digits", "--at", long_ago).out


def test_maintainers_go_back_and_admins_past_it(cli: Cli, space: FolderWorkspace) -> None:
    cli.json("model", "register", "digits", "one")
    assert cli("model", "rollback", "digits", "production", "-m", "x").code == 2
    assert cli("model", "override", "digits", "1", "production").code == 2
    assert "production → 1" in cli("model", "override", "digits", "1", "production", "-m", "the night before").out
    assert "PAST THE REVIEW" in cli("model", "history", "digits").out
    assert cli.json("model", "protect", "digits", "--alias", "live", "--project", "p")["protected"] == ["live"]
    assert cli.json("model", "alias", "digits", "production", "--remove", "--expect", "1")["aliases"] == {}
    assert cli.json("model", "protect", "digits", "--none")["protected"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("register", "digits", "one", "--artifact", "nowhere"), "no artifact 'nowhere'"),
        (("show", "nothing"), "no model 'nothing'"),
        (("history", "digits", "--at", "yesterday"), "is no date"),
        (("alias", "digits", "candidate"), "give a version"),
        (("alias", "digits", "v3", "1"), "cannot be used"),
        (("request", "digits", "7", "production"), "no version 7"),
        (("protect", "digits", "--none", "--alias", "x"), "exclude each other"),
    ],
)
def test_mistakes_are_named(cli: Cli, space: FolderWorkspace, words: tuple[str, ...], said: str) -> None:
    cli.json("model", "register", "digits", "one")
    refused = cli("model", *words)
    assert refused.code == 2
    assert said in refused.err


def test_what_a_version_is_and_what_its_card_lacks(cli: Cli, space: FolderWorkspace, folder: Path) -> None:
    rows, sign = folder.parent / "rows.json", folder.parent / "signature.json"
    rows.write_text("[[0.5]]")
    sign.write_text('{"inputs": [{"dtype": "float32", "name": "x", "shape": [-1, 64]}]}')
    cli.json("model", "register", "digits", "one", "--signature", str(sign), "--input-example", str(rows))
    cli.json("model", "alias", "digits", "candidate", "1")
    told = cli("model", "show", "digits", "candidate").out
    for text in ("run         one", "takes       x: float32[?, 64]", "example     [[0.5]]", "card        not written"):
        assert text in told
    assert "weights.npy  7 B  unknown" in told
    assert cli("model", "show", "digits", "nobody").code == 2
    run_id = cli.json("model", "show", "digits", "1")["version"]["run_id"]
    cli.json("runs", "delete", "one")
    assert f"is not here: deleted (runward runs restore {run_id})" in cli("model", "show", "digits", "1").out
    cli.json("runs", "restore", run_id)
    assert cli("model", "register", "digits", "one", "--signature", '{"inputs": 3}').code == 2
    assert cli("model", "card", "digits", "1", "--check").code == 1
    template = folder.parent / "card.md"
    cli("model", "card", "digits", "1", "-o", str(template))
    assert cli.json("model", "card", "digits", "1", "--file", str(template))["number"] == 0
    written = [item for key in ANSWERS for item in ("--set", f"{key}={ANSWERS[key]}")]
    assert "number 1, complete" in cli("model", "card", "digits", "1", *written).out
    assert cli("model", "card", "digits", "1", "--check").code == 0
    cli.json("model", "register", "digits", "one")
    assert cli.json("model", "card", "digits", "2", "--from", "candidate")["fields"] == ANSWERS
    assert cli("model", "card", "digits", "2", "--set", "usage=x").code == 2
    assert cli("model", "card", "digits", "2", "--set", "owner").code == 2
    assert "model-index:" in cli("model", "card", "digits", "2").out


def test_what_serves_where(cli: Cli, space: FolderWorkspace) -> None:
    cli.json("model", "register", "digits", "one")
    cli.json("model", "alias", "digits", "candidate", "1")
    assert "nothing of digits served then" in cli("model", "deployments", "digits", "--at", "now").out
    done = cli("model", "deploy", "digits", "candidate", "--to", "eu", "--url", "https://eu.example.org", "-m", "pilot")
    assert "eu: digits 1 live at https://eu.example.org" in done.out
    assert "WARNING: no applied review let version 1 in" in done.err
    assert cli("model", "deploy", "digits", "1", "--to", "eu", "--reviewed-only").code == 1
    assert "serves      eu since" in cli("model", "show", "digits", "1").out
    today = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    (served,) = cli.json("model", "deployments", "digits", "--to", "eu", "--at", today)
    assert (served["version"], served["alias"], served["reviewed"]) == (1, "candidate", False)
    assert cli.json("model", "deployments", "digits", "--at", "2001-01-01") == []
    assert "NOT REVIEWED" in cli("model", "deployments", "digits").out


def test_a_version_is_handed_over_and_taken(cli: Cli, space: FolderWorkspace, folder: Path) -> None:
    cli.json("model", "register", "digits", "one")
    bundle = folder.parent / "out" / "digits.zip"
    made = cli("model", "handoff", "digits", "1", "-o", str(bundle), "--offline")
    assert made.code == 0, made.err
    assert "no card: nobody answered" in made.err
    assert ": checked" in cli("model", "accept", str(bundle), "--check-only").out
    assert "nobody yet" in cli("model", "handoffs", "digits").out
    assert ": accepted" in cli("model", "accept", str(bundle), "-m", "fine").out
    assert "accepted this bundle already" in cli("model", "accept", str(bundle)).err
    bundle.write_bytes(bundle.read_bytes().replace(b"weightsPK", b"WEIGHTSPK"))
    assert cli("model", "accept", str(bundle), "--check-only").code == 1
