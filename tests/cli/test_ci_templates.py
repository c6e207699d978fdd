"""The GitHub action and the GitLab template: valid by their published schemas, and their scripts do what they say."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runward.review.model import NewReview
from runward.testing.plugin import missing
from runward.tracking.model import CapturePart, NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, open_folder

ROOT = Path(__file__).parents[2]
ACTION, TEMPLATE = ROOT / "ci" / "github" / "action.yml", ROOT / "ci" / "gitlab" / "runward.yml"
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("file", "options"),
    [
        (ACTION, ["vendor.github-actions"]),
        (TEMPLATE, ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_it_fits_the_published_schema(file: Path, options: list[str], tmp_path: Path) -> None:
    """And the check is one: a planted mistake is found."""
    if importlib.util.find_spec("check_jsonschema") is None:
        missing("check-jsonschema is not installed (the group `hooks`)")
    broken = tmp_path / file.name
    content = yaml.safe_load(file.read_text())
    (content["runs"] if "runs" in content else content["runward-review"])[
        "image" if "runs" in content else "script"
    ] = 3
    content.pop("description", None)
    broken.write_text(yaml.safe_dump(content))
    for path, good in ((file, True), (broken, False)):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *options, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode == 0) is good, done.stdout + done.stderr


def test_no_input_is_pasted_into_a_script() -> None:
    """What a pull request names travels in variables: it is never part of a program."""
    steps = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    assert [step["name"] for step in steps if "${{" in step["run"]] == []


class Job:
    """A repository with two commits and a review of the second one, and what a CI system would run there."""

    def __init__(self, folder: Path) -> None:
        self.repo, self.workspace = folder / "repo", folder / "ws"
        self.repo.mkdir()
        self.base = self._commit("a.py", '"""Add. Example: `add(1, 2)`."""\n')
        self.head = self._commit("b.py", "x = eval('1')\n")
        self.space: FolderWorkspace = open_folder(self.workspace, "owner")
        self.space.tracking.create_project(NewProject(path="p"))
        self.run_id = self.space.tracking.create_run(NewRun(project="p", name="r")).id
        document = self.space.files.put_bytes("p", b'{"files": []}')
        self.space.tracking.put_captures(self.run_id, [CapturePart("code", document, {"commit": self.head})])
        self.space.tracking.end_run(self.run_id, RunEnd(RunStatus.FINISHED))
        self.space.review.request_review(NewReview(self.run_id))

    def _commit(self, name: str, text: str) -> str:
        (self.repo / name).write_text(text)
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", name]):
            subprocess.run(["git", *command], cwd=self.repo, check=True, timeout=30)
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.repo, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def script(self, text: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        env = {**known, "PATH": f"{BIN}{os.pathsep}{known['PATH']}", "RUNWARD_DIR": str(self.workspace), **variables}
        options = ["--noprofile", "--norc", "-eo", "pipefail", "-c", text]
        return subprocess.run(["bash", *options], cwd=self.repo, env=env, capture_output=True, text=True, timeout=120)

    def results(self) -> list[tuple[str, str]]:
        return [(one.name, one.verdict) for one in self.space.feedback.list_ci_results(self.run_id)]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.mark.parametrize(("base", "code", "posted"), [("base", "1", "fail"), ("head", "0", "pass")])
def test_the_action_checks_and_posts(job: Job, tmp_path: Path, base: str, code: str, posted: str) -> None:
    """What is new since the base decides; the outcome is an output, annotations, a summary and a result of CI."""
    steps: dict[str, Any] = {step["name"]: step["run"] for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]}
    output, page = tmp_path / "output", tmp_path / "page"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(page)}
    checked = job.script(
        steps["Check"],
        {
            **github,
            "GITHUB_WORKSPACE": str(job.repo),
            "CHECK_PATHS": ".",
            "CHECK_BASE": getattr(job, base),
            "CHECK_STRICT": "",
        },
    )
    assert str(checked.returncode) == code, checked.stderr
    assert output.read_text() == f"exit-code={code}\n"
    assert ("::error file=b.py,line=1,title=loads_safely::" in checked.stdout) is (code == "1")
    assert page.read_text().startswith("### Review checklist: no item worse than the base?")
    done = job.script(steps["Post"], {"PROJECT": "p", "NAME": "checks", "CODE": code, "COMMIT": job.head})
    assert done.returncode == 0, done.stderr
    assert job.results() == [("checks", posted)]


def test_the_template_checks_and_posts(job: Job) -> None:
    """The same on GitLab: the report stands beside the code, the exit code decides the job."""
    content = yaml.safe_load(TEMPLATE.read_text())
    script = "\n".join(content["runward-review"]["script"])
    variables = {
        **content["variables"],
        "RUNWARD_REQUIREMENT": "",
        "CI_PROJECT_DIR": str(job.repo),
        "CI_COMMIT_SHA": job.head,
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": job.base,
    }
    alone = job.script(script, variables)
    assert (alone.returncode, job.results()) == (1, [])
    assert '"path":"b.py"' in (job.repo / "gl-code-quality-report.json").read_text()
    # The scripts speak to a folder here: to the commands a server's address is one more way to say where.
    posting = job.script(
        f'runward() {{ env -u RUNWARD_URL runward "$@"; }}\n{script}',
        {**variables, "RUNWARD_URL": "x", "RUNWARD_PROJECT": "p"},
    )
    assert posting.returncode == 1, posting.stderr
    assert job.results() == [("review-check", "fail")]
