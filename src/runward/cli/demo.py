"""``runward demo``: one team, one experiment, the whole path, on real data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from runward.cli.output import UNDECIDED, Output, pass_output, with_json
from runward.cli.selfwheel import write_wheel
from runward.core.permissions import Role
from runward.core.seeding import NO_SEED_VARIABLE
from runward.errors import ConflictError, ForbiddenError, GateClosedError, ReproError, RunwardError
from runward.governance.model import NewToken
from runward.governance.signin import ensure_member, new_link
from runward.knowledge.model import Evidence, NewPage, Situation
from runward.repro.uv import find_uv
from runward.repro.verify import verify
from runward.review.model import MetricRule, NewReview, Standards, Verdict
from runward.server.run import LOOPBACK, RunningServer, listen, open_store
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, Workspace, open_url

FILES = Path(__file__).parent / "demo_files"
PROJECT = "vision/digits"
_PYPROJECT = """[project]
name = "digits"
version = "0"
requires-python = ">=3.11"
dependencies = ["pillow", "runward", "scikit-learn"]

[tool.uv]
package = false

[tool.uv.sources]
runward = {{ path = "wheels/{wheel}" }}
"""
STANDARDS = Standards(
    name="vision team",
    default_hyperparameters={"epochs": 8},
    required_metrics=["accuracy", "loss", "training_time"],
    thresholds=[MetricRule("accuracy", ">=", 0.9), MetricRule("training_time", "<=", 600.0)],
    naming=r"[a-z0-9]+(-[a-z0-9]+)*",
    naming_help="lower-case words and numbers joined by '-', for example mlp-seed-1",
    approvals=1,
    require_level="environment",
)


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=None, help="Default: runward-demo here.")
@click.option("--exit", "leave", is_flag=True, help="End when the story is told, instead of serving until Ctrl-C.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--port", default=4747, show_default=True, type=click.IntRange(0, 65535))
@with_json
@pass_output
def demo(output: Output, folder: Path | None, leave: bool, no_browser: bool, port: int) -> int:
    """The main job on real data, in about a minute and in one folder.

    A team runs an experiment, the machine reproduces it, a colleague reviews it, the lesson is shared and found again.
    """
    place = _place(folder)
    begun = time.monotonic()
    dispatcher = open_store(place / "workspace")
    with RunningServer(dispatcher, _socket(port), LOOPBACK) as server:
        story = Story(output, server.url)
        try:
            _tell(story, place, dispatcher, server.url)
        except (ReproError, subprocess.CalledProcessError) as error:
            detail = getattr(error, "stderr", None) or str(error)
            output.say(f"the demo stopped: {detail}")
            return UNDECIDED
        seconds = time.monotonic() - begun
        link = _sign_in_link(dispatcher, server.url)
        summary = {"ok": True, "seconds": round(seconds, 1), "url": server.url, "dir": str(place), "steps": story.steps}
        output.result(summary, f"\nAll of it took {seconds:.0f} s and lies in {place}")
        if leave:
            return 0
        output.say(f"Look around (signs you in once): {link}\nCtrl-C stops the server.")
        if not no_browser:
            webbrowser.open(link)
        _wait()
    return 0


def _place(folder: Path | None) -> Path:
    if folder is not None:
        if folder.exists() and any(folder.iterdir()):
            raise ConflictError(f"{folder} is not empty", hint="choose another --dir, or remove it")
        return folder.absolute()
    names = ["runward-demo", *(f"runward-demo-{n}" for n in range(2, 1000))]
    return next(path for path in (Path(name).absolute() for name in names) if not path.exists())


def _socket(port: int) -> Any:
    try:
        return listen("127.0.0.1", port)
    except ConflictError:
        return listen("127.0.0.1", 0)


def _wait() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


class Story:
    """Shows each step with the command and the page where one can see it again."""

    def __init__(self, output: Output, url: str) -> None:
        from rich.console import Console

        self.output, self.url = output, url
        self.steps: list[dict[str, Any]] = []
        self._console = Console(stderr=True, highlight=False)

    def step(self, title: str, work: Callable[[], tuple[str, str, str]]) -> None:
        """Do one step; ``work`` returns what came of it, the command, and the page."""
        begun = time.monotonic()
        with self._console.status(f"{len(self.steps) + 1}. {title} …"):
            result, command, page = work()
        seconds = time.monotonic() - begun
        self.steps.append(
            {
                "title": title,
                "result": result,
                "command": command,
                "page": self.url + page,
                "seconds": round(seconds, 1),
            }
        )
        from rich.markup import escape

        self._console.print(f"[bold]{len(self.steps)}. {escape(title)}[/bold]  [dim]{seconds:.1f} s[/dim]")
        for line in result.splitlines():
            self._console.print(f"   {escape(line)}")
        self._console.print(f"   [dim]$ {escape(command)}[/dim]")
        self._console.print(f"   [dim]{self.url}{escape(page)}[/dim]")


def _tell(story: Story, place: Path, dispatcher: Any, url: str) -> None:
    team = _team(dispatcher, url)
    repository = place / "digits"
    story.step("A workspace, two members, the team's standards", lambda: _standards(team))
    story.step("A repository with its own locked environment", lambda: _repository(repository))
    story.step("Ann launches 14 runs, with an uncommitted change", lambda: _experiment(repository, team, url))
    story.step("The standards apply: a name is refused, a gate stays closed", lambda: _refusals(team))
    best = (
        team["ann"]
        .tracking.search_runs(PROJECT, where='status = "finished"', sort="-metrics.accuracy,metrics.loss")
        .runs
    )
    chosen = next(run for run in best if run.seed is not None)
    story.step(f"The machine reproduces the best run, {chosen.name}", lambda: _verify(team, chosen.id))
    unseeded = team["ann"].tracking.resolve_run("mlp-no-seed", PROJECT)
    story.step("A run without a seed does not earn it", lambda: _verify(team, unseeded.id))
    review: dict[str, str] = {}
    story.step("Ann asks for a review; her own approval is refused", lambda: _request(team, chosen.id, review))
    story.step("Ben approves: the run becomes a team result", lambda: _approve(team, review["id"]))
    story.step("The lesson is published, found and recommended", lambda: _share(team, chosen.id))


def _team(dispatcher: Any, url: str) -> dict[str, Workspace]:
    """Two members with tokens, each working against the server as from a machine of their own."""
    owner = FolderWorkspace(dispatcher, "demo", dispatcher.folder, _owner(dispatcher))
    for name, role in (("ann", Role.MAINTAINER), ("ben", Role.REVIEWER)):
        with dispatcher.database.transaction(write=True) as tx:
            ensure_member(tx, name, kind="person", role=role)
    found: dict[str, Workspace] = {"owner": owner}
    for name in ("ann", "ben"):
        secret = owner.governance.create_token(NewToken(name="demo", member=name)).secret
        os.environ["XDG_STATE_HOME"] = str(dispatcher.folder.parent / "state" / name)
        found[name] = open_url(url, secret)
        found[f"{name}:token"] = secret  # type: ignore[assignment]
    return found


def _owner(dispatcher: Any) -> Any:
    from runward.governance.signin import folder_actor

    return folder_actor(dispatcher.database)


def _sign_in_link(dispatcher: Any, url: str) -> str:
    return f"{url}/enter#{new_link(dispatcher.database, _owner(dispatcher).member_id)}"


def _standards(team: dict[str, Any]) -> tuple[str, str, str]:
    team["ann"].tracking.create_project(NewProject(path=PROJECT, description="Handwritten digits, three families."))
    team["ann"].review.set_standards("vision", STANDARDS)
    rules = ", ".join(f"{rule.metric} {rule.op} {rule.value:g}" for rule in STANDARDS.thresholds)
    text = f"ann (maintainer) and ben (reviewer); {rules}; names: {STANDARDS.naming_help}"
    return text, "runward standards show vision", "/projects/vision"


def _run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> str:
    clean = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
    done = subprocess.run(
        command, cwd=folder, env={**clean, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr or done.stdout)
    return done.stdout


def _repository(repository: Path) -> tuple[str, str, str]:
    repository.mkdir(parents=True)
    for name in ("train.py", "experiment.py"):
        shutil.copyfile(FILES / name, repository / name)
    wheel = write_wheel(repository / "wheels")
    (repository / "pyproject.toml").write_text(_PYPROJECT.format(wheel=wheel.name))
    (repository / ".gitignore").write_text(".venv/\n__pycache__/\n.runward/\n")
    _run([find_uv(), "sync", "--quiet", "--compile-bytecode", "--python", sys.executable], repository)
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*identity, "commit", "-q", "-m", "Three families"]):
        _run(["git", *command], repository)
    source = repository / "train.py"
    text = source.read_text()
    source.write_text(text.replace("MLPClassifier((48,)", "MLPClassifier((64,)"))
    packages = len(list((repository / ".venv").glob("lib/python3*/site-packages/*.dist-info")))
    return (
        f"{packages} packages locked by uv; one line of train.py is changed and not committed",
        "uv sync",
        "/projects",
    )


def _experiment(repository: Path, team: dict[str, Any], url: str) -> tuple[str, str, str]:
    python = repository / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    env = {
        "RUNWARD_URL": url,
        "RUNWARD_TOKEN": team["ann:token"],
        "XDG_STATE_HOME": str(repository.parent / "state" / "ann"),
        # Two trainings at once on two cores: more threads each would only fight for them.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # What has no seed would be given one; the run without is to show what comes of that.
        NO_SEED_VARIABLE: "1",
    }
    _run([str(python), "experiment.py"], repository, env)
    page = team["ann"].tracking.search_runs(PROJECT, sort="-metrics.accuracy", limit=3)
    best = ", ".join(f"{run.name} {run.metrics['accuracy'].last:.4f}" for run in page.runs)
    text = f"{page.total} runs finished; best: {best}"
    command = "RUNWARD_URL=… RUNWARD_TOKEN=… python experiment.py"
    return text, command, f"/projects/{PROJECT}?sort=-metrics.accuracy"


def _refusals(team: dict[str, Any]) -> tuple[str, str, str]:
    try:
        team["ann"].tracking.create_run(NewRun(project=PROJECT, name="Final FINAL v2"))
        refused = "a bad name was accepted"
    except GateClosedError as error:
        refused = f"refused: {error.message}"
    wild = team["ann"].tracking.resolve_run("mlp-wild-rate", PROJECT)
    report = team["ann"].review.gates(wild.id)
    closed = "; ".join(gate.message for gate in report.results if gate.verdict is Verdict.FAIL)
    return f"{refused}\nmlp-wild-rate: {closed}", "runward review gates mlp-wild-rate", f"/runs/{wild.id}"


def _verify(team: dict[str, Any], run_id: str) -> tuple[str, str, str]:
    outcome = verify(team["ben"], run_id)
    report = outcome.report
    name = team["ben"].tracking.get_run(run_id).run.name
    level = f", level {report.level}" if report.level != "none" else ", no level"
    text = f"{report.verdict.replace('_', ' ')}{level}: {report.reason}"
    if outcome.record.certificate:
        text += f"\ncertificate {outcome.record.verification.id} is signed and stored"
    return text, f"runward verify {name}", f"/reproductions/{outcome.record.verification.id}"


def _request(team: dict[str, Any], run_id: str, review: dict[str, str]) -> tuple[str, str, str]:
    name = team["ann"].tracking.get_run(run_id).run.name
    purpose = "Best of three families; reproduced in a rebuilt environment."
    detail = team["ann"].review.request_review(NewReview(run_id, f"{name} as our baseline", purpose, ["ben"]))
    review["id"] = detail.review.id
    counts = {verdict: sum(check.verdict is verdict for check in detail.checks) for verdict in Verdict}
    first = next(
        (check for check in detail.checks if check.group == "code" and check.evidence and check.evidence[0].file), None
    )
    evidence = (
        f"; for example {first.evidence[0].file}:{first.evidence[0].line} {first.evidence[0].message}" if first else ""
    )
    try:
        team["ann"].review.approve(detail.review.id)
        refused = "her own approval was accepted"
    except ForbiddenError as error:
        refused = f"refused: {error.message}"
    checks = f"{counts[Verdict.PASS]} checks pass, {counts[Verdict.FAIL]} do not, {counts[Verdict.NEEDS_PERSON]} need a person"
    return f"{checks}{evidence}\n{refused}", f"runward review request {name}", f"/reviews/{detail.review.id}"


def _approve(team: dict[str, Any], review_id: str) -> tuple[str, str, str]:
    detail = team["ben"].review.approve(
        review_id, comment="Reproduced, and better than the other families on all seeds."
    )
    labels = {mark.kind: mark.label for mark in detail.run.marks}
    if "team_result" not in labels:
        raise RunwardError(f"the review was not applied: {'; '.join(detail.missing)}")
    text = f"{detail.run.name} is a team result, bound to revision {labels['team_result'][:12]}"
    return text, f"runward review approve {detail.review.number}", f"/runs/{detail.run.id}"


def _share(team: dict[str, Any], run_id: str) -> tuple[str, str, str]:
    page = team["ann"].knowledge.publish(
        NewPage(
            repository="knowledge_base/vision",
            title="Small steps for MLPs on digits",
            body="With a learning rate of 0.004 the MLP holds over seeds; with 2.0 it diverges. Set a seed, always: "
            "the run without one could not be reproduced.",
            code_example='run.Task("mlp-seed-1", run.Partial(train, family="mlp", learning_rate=0.004), seed=1)',
            tags=["mlp", "learning-rate", "seed", "digits"],
            evidence=[Evidence("run", run_id, "the team result")],
        )
    )
    hits = team["ben"].knowledge.search("learning rate for mlp")
    found = next(index for index, hit in enumerate(hits.hits, 1) if hit.id == page.id)
    params = {"family": "mlp", "learning_rate": 0.1}
    advice = team["ben"].knowledge.recommend(Situation(name="mlp deeper", project=PROJECT, params=params))
    reason = next(item for item in advice if item.page.id == page.id)
    text = f"published as {page.id}; search finds it at place {found} of {hits.total}\nadvice to ben: {reason.reason}"
    return text, 'runward kb search "learning rate for mlp"', f"/knowledge/{page.id}"
