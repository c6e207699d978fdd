"""Running the jobs: the run's code and environment laid out, its tools in a sandbox, their reports read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from runward.core.ids import Digest
from runward.errors import InvalidError, ReproError
from runward.repro.attempt import Say, Space, finished_run
from runward.repro.scratch import scratch_folder
from runward.repro.workbench import Layout, Workbench
from runward.review.code.source import is_test
from runward.review.feedback_api import Feedback
from runward.review.feedback_model import NewCiResult
from runward.review.jobs import reports
from runward.review.jobs.lines import Lines, changed_lines
from runward.review.jobs.model import JOBS, Ended, JobName, JobOutcome, undecided
from runward.review.jobs.tools import types_configured, wanted_tools
from runward.tracking.content import digest_of
from runward.tracking.model import RunDetail
from runward.tracking.organise_api import Organise

_SIGNS_OF_A_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", "tests", "test")
_MOST_FILES = 300


class JobSpace(Space, Protocol):
    """What jobs need of a workspace."""

    feedback: Feedback
    organise: Organise


class Settings(NamedTuple):
    """How jobs are run."""

    base: str = ""
    """The run whose code the changed lines are counted against."""
    least: float = 80.0
    """Per cent of the changed lines that tests have to run."""
    timeout_s: float = 1800.0
    """Of each tool."""
    sandbox: bool = True
    post: bool = True


class Done(NamedTuple):
    """What came of the jobs of a run."""

    run_id: str
    revision: Digest
    """What was looked at."""
    outcomes: list[JobOutcome]
    notes: list[str]
    """How the tools were isolated, and what is not as it was captured."""


def run_jobs(
    space: JobSpace, ref: str, jobs: Collection[JobName], settings: Settings, say: Say = lambda text: None
) -> Done:
    """Run jobs on the code of a run, and post what they found on exactly that revision.

    Nothing that stands in the way of a job is raised: it is *undecided* then, and says why.

    Raises: NotFoundError (no such run), InvalidError (a setting; the run is not over), StaleVersionError (the run changed
    meanwhile).
    """
    if not 0 <= settings.least <= 100:
        raise InvalidError(f"coverage of {settings.least:g} % is asked", hint="0 to 100")
    detail = finished_run(space, ref)
    revision, change = digest_of(detail), _changed(space, detail, settings.base)
    chosen = [job for job in JOBS if job in jobs]
    with scratch_folder(prefix="runward-jobs-") as folder:
        bench = Workbench(space, detail, folder, say)
        try:
            layout = bench.lay_out(lambda root, cwd: wanted_tools(_project(root, cwd), chosen))
        except ReproError as error:
            outcomes, notes = [undecided(job, error.message) for job in chosen], []
        else:
            work = _Jobs(bench, layout, change, settings)
            outcomes, notes = work.run(chosen), [*work.isolation, *layout.problems]
    if settings.post:
        for one in outcomes:
            new = NewCiResult(one.name, one.verdict, one.message, revision=revision, evidence=one.evidence)
            space.feedback.report_ci(detail.run.id, new)
    return Done(detail.run.id, revision, outcomes, notes)


class _Change(NamedTuple):
    lines: Lines | None
    against: str


def _changed(space: JobSpace, detail: RunDetail, base: str) -> _Change:
    """The lines to look at: since the base, else since the project's baseline, else the code that was not committed."""
    run_id = detail.run.id
    baseline = space.organise.deltas(run_id).baseline_runs
    against = space.tracking.resolve_run(base).id if base else next((one for one in baseline if one != run_id), "")
    if against:
        return _Change(changed_lines(space.tracking.compare([against, run_id]).code), f"run {against}")
    # A note or a result that lies about is no change of the code: where that is committed, all of it is looked at.
    uncommitted = [change for change in space.tracking.uncommitted(run_id) if change.path.endswith(".py")]
    return _Change(changed_lines(uncommitted), "the commit") if uncommitted else _Change(None, "")


def _project(root: Path, cwd: Path) -> Path:
    """The folder whose tests and settings count: the nearest one upwards from where the run was started."""
    folders = [cwd, *cwd.parents]
    inside = folders[: folders.index(root) + 1] if root in folders else [root]
    return next((one for one in inside if any((one / name).exists() for name in _SIGNS_OF_A_PROJECT)), root)


class _Jobs:
    def __init__(self, bench: Workbench, layout: Layout, change: _Change, settings: Settings) -> None:
        self._bench, self._layout, self._change, self._settings = bench, layout, change, settings
        self._project = _project(layout.root, layout.cwd)
        self._reports = bench.folder / "work" / "reports"
        self._reports.mkdir()
        self.isolation: list[str] = []
        """How the tools were isolated."""

    def run(self, chosen: Sequence[JobName]) -> list[JobOutcome]:
        found: dict[JobName, JobOutcome] = {}
        if "tests" in chosen or "coverage" in chosen:
            found["tests"] = self._tests(measured="coverage" in chosen)
        by_job: dict[JobName, Callable[[], JobOutcome]] = {
            "coverage": lambda: self._coverage(found["tests"]),
            "type_check": self._types,
            "security": self._security,
        }
        for job in chosen:
            if job not in found:
                found[job] = by_job[job]()
        return [found[job] for job in chosen]

    def _tool(self, name: str, argv: list[str]) -> tuple[Ended, str]:
        self._bench.say(f"running {name}")
        settings = self._settings
        done = self._bench.run(argv, self._project, settings.timeout_s, name, sandbox=settings.sandbox)
        self.isolation = [f"isolation: {done.sandbox} ({done.sandbox_note})"]
        texts = [path.read_text("utf-8", errors="replace") for path in (done.stdout_path, done.stderr_path)]
        last = "\n".join(line for text in texts for line in text.strip().splitlines()[-4:])[-1000:]
        return Ended(done.exit_code, done.timed_out, last), texts[0]

    def _placed(self, path: str) -> str:
        """A tool's path from the root of the tree; as it is, where it lies outside."""
        full = (self._project / path).resolve()
        root = self._layout.root.resolve()
        return full.relative_to(root).as_posix() if full.is_relative_to(root) else path

    def _tests(self, *, measured: bool) -> JobOutcome:
        report = self._reports / "tests.xml"
        argv = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "-o", "junit_family=xunit1"]
        # The repository's own settings may start these: one would measure in our place, the other where nobody measures.
        argv += ["--no-cov"] if "pytest-cov" in self._layout.packages else []
        argv += ["-n0"] if "pytest-xdist" in self._layout.packages else []
        if measured:
            data = self._reports / "coverage.data"
            settings = self._reports / "coveragerc"
            settings.write_text(
                f"[run]\nsource = {self._project}\nrelative_files = True\ndata_file = {data}\n", "utf-8"
            )
            argv = ["-m", "coverage", "run", f"--rcfile={settings}", *argv]
        ended, _ = self._tool("tests", argv)
        return reports.of_tests(reports.read_report(report), ended, self._placed)

    def _coverage(self, tests: JobOutcome) -> JobOutcome:
        report, change = self._reports / "coverage.json", self._change
        if tests.verdict != "undecided":
            settings = self._reports / "coveragerc"
            self._tool("coverage", ["-m", "coverage", "json", f"--rcfile={settings}", "-i", "-q", "-o", str(report)])
        return reports.of_coverage(
            reports.read_report(report), tests, change.lines, self._settings.least, self._placed, change.against
        )

    def _types(self) -> JobOutcome:
        report, files = self._reports / "types.xml", [] if types_configured(self._project) else self._files()
        if not files and not types_configured(self._project):
            return undecided("type_check", "there is no Python file to look at")
        argv = [
            "-m", "mypy", f"--cache-dir={self._reports / 'mypy'}", f"--junit-xml={report}", "--no-pretty",
            "--hide-error-context", "--no-color-output", "--show-error-codes", "--error-summary", *files,
        ]  # fmt: skip
        ended, printed = self._tool("type_check", argv)
        return reports.of_types(reports.read_report(report), printed, ended, self._change.lines, self._placed)

    def _security(self) -> JobOutcome:
        report, files = self._reports / "security.json", self._files()
        if not files:
            return undecided("security", "there is no Python file to look at")
        ended, _ = self._tool("security", ["-m", "bandit", "-q", "-f", "json", "-o", str(report), *files])
        return reports.of_security(reports.read_report(report), ended, self._change.lines, self._placed)

    def _files(self) -> list[str]:
        """The Python files of the change, else all of the project's, without its tests; from the project's folder."""
        root, project = self._layout.root, self._project
        if self._change.lines is not None:
            found = [root / path for path in sorted(self._change.lines) if path.endswith(".py")]
        else:
            found = sorted(project.rglob("*.py"))
        inside = [path for path in found if path.is_file() and path.is_relative_to(project)]
        names = [path.relative_to(project).as_posix() for path in inside]
        return [name for name in names if not is_test(name) and not name.startswith("-")][:_MOST_FILES]
