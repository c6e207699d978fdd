"""A run's code and environment laid out once more, for tools that say something about them instead of running it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.errors import EnvironmentNotRebuiltError
from runward.repro.attempt import Attempt
from runward.repro.command import clean_environment, place_inputs, relocation
from runward.repro.rerun import RerunOutcome, rerun
from runward.repro.restore import restore_code
from runward.repro.uv import find_uv, run_uv
from runward.tracking.capture.environment import normalised_name
from runward.tracking.capture.model import Capture, EnvironmentSnapshot, Package


class Layout(NamedTuple):
    """Where things are."""

    root: Path
    """The restored tree."""
    cwd: Path
    """The run's working folder in it."""
    python: Path
    """Of the rebuilt environment, with the tools beside the captured packages."""
    packages: dict[str, str]
    """What is installed there: versions by name."""
    problems: list[str]
    """What is not as it was captured."""


class Workbench(Attempt):
    """Lays out a run in a folder of its own, and runs tools there: isolated, in bounded time, without a network."""

    _captured: Capture
    _layout: Layout
    _environ: Mapping[str, str]

    def lay_out(self, wanted: Callable[[Path, Path], Sequence[Sequence[str]]]) -> Layout:
        """Restore the tree and rebuild the environment with tools added; captured packages keep their versions.

        Args:
            wanted: Asked with the restored tree and the run's folder in it; lists of requirements of tools, of which the
                first that fits the captured packages is taken.

        Raises: ReproError (something of the run is missing, or no list fits).
        """
        self._captured = capture = self.capture()
        self.say(f"restoring {len(capture.code.files)} files of {capture.code.commit[:10] or 'a folder'}")
        root = self.folder / "work" / "tree"
        root.parent.mkdir(parents=True)
        restored = restore_code(capture.code, self.blobs, root)
        tools, notes = self._resolved(capture.environment, wanted(restored.root, restored.cwd))
        together = [*capture.environment.packages, *tools]
        capture = msgspec.structs.replace(
            capture, environment=msgspec.structs.replace(capture.environment, packages=together)
        )
        built = self._environment(capture, restored, "environment")
        move = relocation(capture, restored.root, built.python)
        place_inputs(capture, restored.root, self.blobs)
        # Tools read what a run does not, and write reports: the folder is theirs, the run's own variables are not.
        environ = clean_environment(
            capture.environment.variables, move, self.folder / "work" / "home", built.extra_paths
        )
        self._environ = {**environ, "RUNWARD_DIR": str(self.folder / "work" / "workspace")}
        packages = {package.name: package.version for package in built.packages}
        self._layout = Layout(restored.root, restored.cwd, built.python, packages, [*notes, *built.problems])
        return self._layout

    def _resolved(
        self, environment: EnvironmentSnapshot, wanted: Sequence[Sequence[str]]
    ) -> tuple[list[Package], list[str]]:
        """The packages that tools add to those that were captured, in versions that go with them."""
        captured = {package.name: package.version for package in environment.packages}
        held = [f"{name}=={version}" for name, version in captured.items()]
        constraints = self.folder / "captured.txt"
        constraints.write_text("\n".join(held) + "\n", encoding="utf-8")
        notes, said = list[str](), ""
        for requirements in wanted:
            done = run_uv(
                [
                    find_uv(), "pip", "compile", "-", "-c", str(constraints), "--no-header", "--no-annotate",
                    "--no-emit-index-url", "--python-version", environment.python, "--quiet",
                ],
                given="\n".join(requirements) + "\n",
            )  # fmt: skip
            if done.returncode == 0:
                return [package for package in _pinned(done.stdout) if package.name not in captured], notes
            said = " ".join(done.stderr.split())[-400:]
            notes.append(f"not with {', '.join(requirements[:5])}: {said[:200]}")
        raise EnvironmentNotRebuiltError(
            f"tools: they do not go with the captured packages: {said}",
            hint="add them to the environment in which runs are started",
        )

    def run(self, argv: Sequence[str], cwd: Path, timeout_s: float, name: str, *, sandbox: bool = True) -> RerunOutcome:
        """Run a module of the environment's Python to its end, or to the time limit.

        Args:
            argv: What follows ``python``.
            cwd: Below the restored tree.
            timeout_s: Seconds until it is killed.
            name: Of the folder that keeps what it prints.
            sandbox: Isolate where bubblewrap works here; the outcome says whether it did.
        """
        work = self.folder / "work"
        command = [str(self._layout.python), *argv]
        return rerun(
            command, cwd, self._environ, timeout_s, writable=work, output_dir=self.folder / name, sandbox=sandbox
        )


def _pinned(text: str) -> list[Package]:
    lines = [line.partition(";")[0].strip() for line in text.splitlines()]
    pairs = [line.partition("==") for line in lines if "==" in line and not line.startswith(("#", "-"))]
    return [Package(name=normalised_name(name.partition("[")[0]), version=version) for name, _, version in pairs]
