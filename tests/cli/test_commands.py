"""Every command: help, one JSON document, exit codes that a script can rely on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from runward import face
from runward.cli.main import EXTRAS, exit_code_of
from runward.cli.main import cli as root
from runward.core.permissions import Role
from runward.core.signing import create_key
from runward.errors import BY_CODE
from runward.governance.signin import ensure_member
from runward.repro.records import NewVerification
from runward.server.run import listen
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun, RunEnd, RunParam, RunStatus
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli


def _leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from _leaves(child, (*path, name))
    else:
        yield path, command


LEAVES = dict(_leaves(root))


@pytest.fixture
def filled(folder: Path) -> FolderWorkspace:
    """Two finished runs of one project, of which the second is better."""
    space = open_folder(folder)
    space.tracking.create_project(NewProject(path="p"))
    for name, lr, loss in (("one", 0.1, 0.5), ("two", 0.2, 0.25)):
        run = space.tracking.create_run(NewRun(project="p", name=name, params=[RunParam("lr", lr)]))
        space.tracking.append(run.id, batch(0, {"loss": [(0, loss)], "odd": [(0, float("nan"))]}))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
    return space


# all of them --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_explains_itself(cli: Cli, path: tuple[str, ...]) -> None:
    """A sentence on what it does, and on each option."""
    said = cli(*path, "--help")
    assert said.code == 0
    assert said.err == ""
    assert "Usage: runward " + " ".join(path) in said.out
    command = LEAVES[path]
    assert command.help
    assert command.help.split(".")[0].strip()


def test_every_command_speaks_json() -> None:
    silent = {path for path, command in LEAVES.items() if "--json" not in [o for p in command.params for o in p.opts]}
    assert silent == set()


def test_a_usage_error_is_one_document_too(cli: Cli) -> None:
    """Who asks for JSON gets JSON, whatever is wrong."""
    said = cli("runs", "list", "--json", "-n", "0")
    assert said.code == 2
    assert json.loads(said.out)["code"] == "invalid"


def test_the_whole_is_explained_without_loading_its_parts(cli: Cli) -> None:
    said = cli("--help")
    assert said.code == 0
    for path in LEAVES:
        assert path[0] in said.out
    assert cli("--version").out.startswith("runward")


_COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("runs", "list"): ("--where", "metrics.loss < 1", "--sort", "-metrics.loss", "-c", "metrics.loss,params.lr"),
    ("runs", "show"): ("one",),
    ("runs", "compare"): ("one", "two", "--all"),
    ("runs", "groups"): ("--by", "params.lr", "--by", "status", "-m", "metrics.loss", "-s", "metrics.loss"),
    ("runs", "diff"): ("one", "one"),
    ("runs", "delete"): ("one",),
    ("projects", "list"): (),
    ("projects", "create"): ("q/r",),
    ("library", "list"): (),
    ("standards", "show"): ("p",),
    ("standards", "set"): ("p", "approvals=2"),
    ("standards", "propose"): ("p", "approvals=2"),
    ("standards", "history"): ("p",),
    ("standards", "diff"): ("p",),
    ("standards", "export"): ("p",),
    ("standards", "files"): ("p", "--ci", "github"),
    ("branch",): ("longer warmup",),
    ("commit-message",): ("longer warmup", "Warm up"),
    ("review", "request"): ("one", "--title", "Look"),
    ("review", "list"): (),
    ("review", "gates"): ("one",),
    ("kb", "publish"): ("A title", "-m", "A body about warmup"),
    ("kb", "search"): ("warmup",),
    ("kb", "list"): (),
    ("kb", "recommend"): ("warmup",),
    ("inbox",): (),
    ("member", "create"): ("ann",),
    ("member", "list"): (),
    ("team", "create"): ("vision",),
    ("team", "list"): (),
    ("token", "create"): ("--member", "bob", "--scope", "viewer"),
    ("token", "list"): (),
    ("sync",): (),
    ("migrate",): (),
}


@pytest.mark.parametrize("path", _COMMANDS, ids=" ".join)
def test_a_command_answers_people_and_programs(cli: Cli, filled: FolderWorkspace, path: tuple[str, ...]) -> None:
    """The same command, once as text and once as exactly one JSON document; talk goes to stderr."""
    said = cli(*path, *_COMMANDS[path], "--json")
    assert said.code == 0, said.err
    assert said.json is not None
    if path in {
        ("runs", "delete"),
        ("projects", "create"),
        ("review", "request"),
        ("standards", "propose"),
        ("team", "create"),
        ("member", "create"),
    }:
        return  # Done is done: a second time it is refused.
    human = cli(*path, *_COMMANDS[path])
    assert human.code == 0, human.err
    assert "Traceback" not in human.err


# what they do -------------------------------------------------------------------------------------------------------


def test_runs_are_listed_and_shown(cli: Cli, filled: FolderWorkspace) -> None:
    page = cli.json("runs", "list", "--where", "metrics.loss < 0.3")
    assert [run["name"] for run in page["runs"]] == ["two"]
    assert page["total"] == 1
    table = cli("runs", "list", "--columns", "metrics.loss,params.lr").out
    assert "two" in table
    assert "0.25" in table
    shown = cli.json("runs", "show", "@last")
    assert shown["run"]["name"] == "two"
    assert "NaN" in cli("runs", "show", "two").out


def test_an_export_has_every_point(cli: Cli, filled: FolderWorkspace, tmp_path: Path) -> None:
    said = cli("runs", "export", "one", "two")
    document = json.loads(said.out)
    assert [item["run"]["run"]["name"] for item in document["runs"]] == ["one", "two"]
    assert {s["key"]: s["n"] for s in document["runs"][0]["series"]} == {"loss": 1, "odd": 1}
    said = cli("runs", "export", "one", "-o", str(tmp_path / "out.json"))
    assert (said.code, said.out.count("\n")) == (0, 1)
    assert json.loads((tmp_path / "out.json").read_text())["format"] == document["format"]


def test_a_review_goes_its_way(cli: Cli, filled: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requested by one, commented and approved by another: numbers are as good as ids."""
    opened = cli.json("review", "request", "two", "--title", "Please")
    number = f"#{opened['review']['number']}"
    assert cli("review", "approve", number).code == 2
    with filled.dispatcher.database.transaction(write=True) as tx:
        ensure_member(tx, "rita", kind="local", role=Role.REVIEWER)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "rita")
    assert cli.json("review", "comment", number, "-m", "why?")["comments"][0]["body"] == "why?"
    changed = cli.json("review", "request-changes", number, "-m", "more seeds")
    assert changed["review"]["state"] == "changes_requested"
    assert "more seeds" in cli("review", "show", number).out
    assert cli.json("review", "approve", number)["review"]["state"] == "applied"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "tester")
    second = cli.json("review", "request", "one")["review"]["id"]
    assert cli.json("review", "withdraw", second, "-m", "later")["review"]["state"] == "withdrawn"
    assert "team result" in cli("runs", "list").out


def test_standards_are_set_from_a_file(cli: Cli, filled: FolderWorkspace, tmp_path: Path) -> None:
    """A wrong field is named with the file."""
    good = tmp_path / "s.yaml"
    good.write_text("required_metrics: [loss]\nthresholds: [{metric: loss, op: '<=', value: 0.3}]\n")
    assert cli.json("standards", "set", "p", str(good))["version"] == 1
    (tmp_path / "bad.yaml").write_text("aprovals: 2\n")
    said = cli("standards", "set", "p", str(tmp_path / "bad.yaml"))
    assert said.code == 2
    assert "'aprovals'" in said.err
    assert "did you mean 'approvals'?" in said.err


def test_standards_are_edited_compared_and_gone_back_to(cli: Cli, filled: FolderWorkspace) -> None:
    """Single values keep the rest; every version stays, and going back is a new one."""
    cli("standards", "set", "p", "approvals=2", "thresholds.accuracy=>=0.9", "default_hyperparameters.lr=1e-3")
    said = cli("standards", "set", "p", "default_hyperparameters.lr=0.01", "--leave", "approvals")
    assert "default_hyperparameters.lr: 0.001 → 0.01" in said.out
    assert "approvals: no longer said (was 2)" in said.out
    shown = {v["key"]: v for v in cli.json("standards", "show", "p")["values"]}
    assert (shown["default_hyperparameters.lr"]["value"], shown["default_hyperparameters.lr"]["project"]) == (0.01, "p")
    assert (shown["approvals"]["value"], shown["approvals"]["project"]) == (1, "")
    assert cli("standards", "diff", "p", "1", "1").code == 0
    assert cli("standards", "diff", "p").code == 1
    assert cli.json("standards", "set", "p", "--back-to", "1")["version"] == 3
    assert cli("standards", "diff", "p", "1", "3").out.strip() == "no difference"
    assert [v["version"] for v in cli.json("standards", "history", "p")] == [3, 2, 1]
    assert "say that already" in cli("standards", "set", "p", "approvals=2").out
    for wrong in (("approvals=many",), ("approvals.x=1",), ("nowhere.yaml",), (), ("approvals=3", "--expect", "1")):
        assert cli("standards", "set", "p", *wrong).code == 2
    assert "approvals: expected `int`" in cli("standards", "set", "p", "approvals=many").err


def test_a_member_is_granted_a_role_and_gets_a_token_that_can_be_ended(cli: Cli) -> None:
    made = cli.json("member", "create", "ann", "--role", "reviewer")
    assert made["path"].endswith(made["secret"])
    granted = cli.json("member", "grant", "ann", "--role", "maintainer", "--team", "team")
    assert [grant["role"] for grant in granted["grants"]] == ["maintainer"]
    assert cli.json("member", "grant", "ann", "--role", "none", "--team", "team")["grants"] == []
    seen = cli("audit", "could-see", "ann", "--from", "2026-01-01").out
    assert "maintainer on team" in seen
    assert "on the trail: 0 events" in seen
    assert cli.json("audit", "could-see", "ann", "--from", "2026-01-01")["periods"][-1]["held"] == []
    verbs = ("--verb", "audit.read", "--verb", "export")
    assert [one["verb"] for one in cli.json("member", "grant", "ann", *verbs)["verbs"]] == ["audit.read", "export"]
    assert "export on workspace" in cli("member", "list").out
    assert [one["verb"] for one in cli.json("member", "revoke", "ann", "--verb", "export")["verbs"]] == ["audit.read"]
    token = cli("token", "create")
    assert token.code == 0
    assert token.out.strip().startswith("rwd_")
    token_id = cli.json("token", "list")[0]["id"]
    assert cli.json("token", "revoke", token_id) == {"revoked": token_id}


def test_a_page_is_published_found_and_shown(cli: Cli, filled: FolderWorkspace, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("Use **warmup** for large batches.")
    page = cli.json("kb", "publish", "Warmup", "--file", str(tmp_path / "page.md"), "--run", "two")
    assert "warmup" in page["tags"]
    assert page["evidence"][0]["kind"] == "run"
    assert cli.json("kb", "search", "large", "batches")["hits"][0]["id"] == page["id"]
    assert "warmup" in cli("kb", "show", page["id"]).out
    assert cli.json("kb", "show", page["id"])["title"] == "Warmup"
    assert cli.json("kb", "recommend", "--param", "warmup=1")[0]["page"]["id"] == page["id"]


def test_an_experiment_is_written_ready_to_run(cli: Cli, tmp_path: Path) -> None:
    files = cli.json("new", "my_idea", "--dir", str(tmp_path))["files"]
    assert files
    assert all(Path(name).exists() for name in files)
    assert cli("new", "my_idea", "--dir", str(tmp_path)).code == 2


# exit codes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("runs", "diff", "one", "two"), 1, ""),
        (("runs", "diff", "one", "one"), 0, ""),
        (("runs", "show", "nobody"), 2, "nobody"),
        (("runs", "list", "--where", "metrics.los < 1"), 2, "metrics.loss"),
        (("runs", "list", "--limit", "0"), 2, "limit"),
        (("runs", "list", "--cursor", "x"), 2, "cursor"),
        (("runs", "list", "--columns", "nonsense"), 2, "nonsense"),
        (("nonsense",), 2, "nonsense"),
        (("runs",), 2, ""),
        (("run",), 2, "COMMAND"),
        (("run", "--tag", "novalue", "--", "true"), 2, "novalue"),
        (("verify",), 2, "RUN is missing"),
        (("verify", "nobody"), 2, "nobody"),
        (("verify", "one", "-m", "x"), 2, "METRIC=NUMBER"),
        (("review", "show", "#77"), 2, "#77"),
        (("review", "check", "no_such_file.py"), 2, "no_such_file.py"),
        (("projects", "create", "p"), 2, "'p'"),
        (("projects", "create", "a\nb"), 2, "U+000A"),
        (("member", "create", "x" * 300), 2, "300"),
        (("token", "create", "--days", "0"), 2, "days"),
        (("kb", "show", "nosuchpage12"), 2, "nosuchpage12"),
    ],
)
def test_exit_codes_and_what_is_said(
    cli: Cli, filled: FolderWorkspace, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """0 yes, 1 no, 2 wrong usage: the message names the value, on stderr."""
    found = cli(*arguments)
    assert found.code == code, found
    assert said in found.err
    assert "Traceback" not in found.err


def test_a_closed_gate_and_a_failing_check_are_a_no(cli: Cli, filled: FolderWorkspace, tmp_path: Path) -> None:
    run = filled.tracking.create_run(NewRun(project="p", name="broken"))
    filled.tracking.end_run(run.id, RunEnd(RunStatus.FAILED))
    assert cli("review", "gates", "broken").code == 1
    assert cli("review", "gates", "two").code == 0
    cli("standards", "set", "p", "documentation_required=true", "required_ci=[tests]")
    assert cli("review", "gates", "two").code == 1, "the standards changed: what they said of it before is no answer"
    asked = cli("review", "request", "two").out
    assert "Whoever may write the run can say on its page why it was made" in asked
    assert "--name tests --verdict" in asked
    (tmp_path / "bad.py").write_text("import pickle\npickle.load(open('x', 'rb'))\n")
    said = cli("review", "check", str(tmp_path / "bad.py"), "--repo", str(tmp_path), "--json")
    assert said.code == 1
    assert {"item": "loads_safely", "file": "bad.py", "line": 2} in [
        {key: finding[key] for key in ("item", "file", "line")} for finding in said.json["findings"]
    ]


def test_an_error_with_json_is_one_document_too(cli: Cli, filled: FolderWorkspace) -> None:
    said = cli("runs", "show", "nobody", "--json")
    assert said.code == 2
    assert (said.json["code"], said.json["status"]) == ("not_found", 404)
    assert "nobody" in said.json["detail"]


def test_a_server_that_is_away_is_undecided(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWARD_URL", "http://127.0.0.1:9")
    said = cli("runs", "list")
    assert said.code == 3
    assert "RUNWARD_URL" in said.err
    monkeypatch.setenv("RUNWARD_URL", "127.0.0.1:9")
    assert cli("runs", "list").code == 2


@pytest.mark.parametrize("kind", BY_CODE.values(), ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind: type) -> None:
    no = {"executor", "submit", "task_failed", "job_lost", "gate_closed"}
    undecided = {"repro", "source_missing", "environment_not_rebuilt", "missing_extra", "error", "quota_exceeded"}
    undecided |= {"store_unavailable", "migration_needed", "corrupted", "key_missing"}
    found = exit_code_of(kind("x"))
    code = kind.code  # type: ignore[attr-defined]
    assert found == (1 if code in no else 3 if code in undecided else 2)


def test_doctor_says_what_is_not_well_and_how_to_mend_it(cli: Cli, folder: Path) -> None:
    """Its exit code follows from its checks."""
    said = cli("doctor", "--json")
    checks = {check["name"]: check for check in said.json["checks"]}
    assert {"workspace", "journals"} <= set(checks)
    assert checks["workspace"]["ok"]
    assert said.code == (0 if all(check["ok"] for check in checks.values()) else 1)
    waiting = folder / "journals" / "x" / "left.journal"
    waiting.parent.mkdir(parents=True)
    waiting.write_bytes(b"broken")
    said = cli("doctor", "--json")
    assert said.code == 1
    assert "runward sync" in next(c["message"] for c in said.json["checks"] if c["name"] == "journals")
    said = cli("sync", "--json")
    assert said.code == 1
    assert str(waiting) in said.json["problems"][0]


def test_a_recorded_verification_shows_on_the_run(cli: Cli, filled: FolderWorkspace) -> None:
    run = filled.tracking.resolve_run("two")
    filled.repro.record(run.id, NewVerification("reproduced", "basic", "identical", {}, 1.0))
    assert "≡ basic" in cli("runs", "list").out


# runward run --------------------------------------------------------------------------------------------------------

_TALK = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(int(sys.argv[1]))"


def _tracked(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runward", "run", "--project", "p", *arguments]
    environment = {**os.environ, "RUNWARD_DIR": str(folder)}
    return subprocess.run(
        command, env=environment, cwd=folder.parent, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(("code", "status"), [(0, "finished"), (7, "failed")])
def test_a_tracked_command_ends_as_it_would_without_us(folder: Path, code: int, status: str) -> None:
    """Exit code and output are passed through; output, tags and end are stored."""
    tracked = ["--name", "talk", "--tag", "k=v", "--seed", "3", "--", sys.executable, "-c", _TALK, str(code)]
    done = _tracked(folder, *tracked)
    assert done.returncode == code
    assert done.stdout == "out\n"
    assert "err\n" in done.stderr
    space = open_folder(folder)
    run = space.tracking.resolve_run("@last")
    assert (run.name, run.status, run.exit_code, run.tags, run.seed) == ("talk", status, code, {"k": "v"}, 3)
    chunks = space.tracking.output(run.id).chunks
    said = {stream: "".join(c.text for c in chunks if c.stream == stream) for stream in ("stdout", "stderr")}
    assert said == {"stdout": "out\n", "stderr": "err\n"}
    space.close()


def test_a_command_that_does_not_exist_is_127(folder: Path) -> None:
    done = _tracked(folder, "--", "no-such-command-anywhere")
    assert done.returncode == 127
    assert "no-such-command-anywhere" in done.stderr
    space = open_folder(folder)
    assert space.tracking.resolve_run("@last").status is RunStatus.FAILED
    space.close()


def test_a_script_of_a_tracked_command_logs_to_its_run(folder: Path, tmp_path: Path) -> None:
    """``runward.start`` inside gives the command's own run: one run, with the script's metrics."""
    script = tmp_path / "train.py"
    script.write_text("import runward as run\nwith run.start() as r:\n    run.log_metric('loss', 0.5)\n")
    assert _tracked(folder, "--name", "outer", "--", sys.executable, str(script)).returncode == 0
    space = open_folder(folder)
    page = space.tracking.search_runs()
    assert [(run.name, run.status, run.metrics["loss"].last) for run in page.runs] == [("outer", "finished", 0.5)]
    space.close()


def test_a_server_says_where_it_is_and_refuses_a_port_in_use(folder: Path, cli: Cli) -> None:
    bound = listen("127.0.0.1", 0)
    bound.listen()
    port = bound.getsockname()[1]
    said = cli("server", "--port", str(port))
    bound.close()
    assert said.code == 2
    assert f"port {port}" in said.err
    assert f"--port {port + 1}" in said.err
    assert cli("server", "--host", "0.0.0.0").code == 2
    assert face._current == []


def test_a_certificate_is_checked_with_the_printed_key(cli: Cli, tmp_path: Path) -> None:
    """Without the workspace; a changed one is refused."""
    pytest.importorskip("cryptography", reason="the extra `sign` is not installed")
    space = face.current_workspace()
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p"))
    made = space.repro.record(run.id, NewVerification("reproduced", "basic", "all equal", {}, 1.0))
    assert made.certificate is not None
    (tmp_path / "certificate.json").write_bytes(msgspec.json.encode(made.certificate))
    without = cli("verify", "--certificate", "certificate.json")
    assert (without.code, "runward key" in without.err) == (2, True)
    (tmp_path / "key.pem").write_text(cli("key").out)
    checked = cli("verify", "--certificate", "certificate.json", "--key", "key.pem")
    assert (checked.code, "all equal" in checked.out) == (0, True)
    (subject,) = cli.json("verify", "--certificate", "certificate.json", "--key", "key.pem")["subject"]
    assert f"  run {run.id}: reproduced, level basic; by " in checked.out
    assert checked.out.splitlines()[-1] == f"  run: blake3 {subject['digest']['blake3']}"
    own_id = cli.json("key")["key_id"]
    renamed = made.certificate | {"signatures": [{**made.certificate["signatures"][0], "keyid": "somebody-else"}]}
    (tmp_path / "renamed.json").write_bytes(msgspec.json.encode(renamed))
    named = cli("verify", "--certificate", "renamed.json", "--key", "key.pem")
    assert (named.code, named.out.splitlines()[0]) == (0, f"✓ signed by {own_id}"), "the envelope's word is not signed"
    (tmp_path / "other.pem").write_bytes(create_key(tmp_path / "else.pem"))
    refused = cli("verify", "--certificate", "certificate.json", "--key", "other.pem")
    assert (refused.code, "no signature of this key" in refused.out) == (1, True)


def test_a_command_without_its_extra_says_which_one(tmp_path: Path) -> None:
    """A laptop's ``pip install runward`` has no server: no traceback, but the line that installs it."""
    blocked = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(EXTRAS)!r})); from runward.cli.main import main; main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", blocked, "server", "--dir", str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 3
    assert "Traceback" not in found.stderr
    assert "pip install 'runward[server]'" in found.stderr


def test_every_extra_is_known_by_the_names_of_its_packages() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    named = {
        "argon2-cffi": "argon2",
        "prometheus-client": "prometheus_client",
        "ruff": None,
    }  # ruff is a program, asked for by its name.
    asked = {re.split(r"[^\w-]", line)[0] for lines in project["optional-dependencies"].values() for line in lines}
    assert {name for one in asked if (name := named.get(one, one))} == set(EXTRAS)
    assert {extra for extras in EXTRAS.values() for extra in extras.split(",")} < set(project["optional-dependencies"])
