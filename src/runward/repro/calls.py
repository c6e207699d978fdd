"""What an experiment told the process of a task, and how a rerun is told the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from runward.core.hashing import digest_value
from runward.core.ids import RunId
from runward.errors import SourceMissingError
from runward.execution.spec import PAYLOAD_FILE, SOURCE_FILE, SPEC_FILE, given_name, worker_command
from runward.execution.worker import (
    MOVED_SUFFIX,
    OTHER_SUFFIX,
    RESULT_FILE,
    VALUE_FILE,
    read_plain,
    write_plain,
)
from runward.repro.command import Relocation
from runward.tracking.capture.model import EnvironmentSnapshot, ProcessSnapshot
from runward.tracking.files import Files

_VALUE_FILES = (RESULT_FILE, VALUE_FILE)


class Task(NamedTuple):
    """The call of a task of an experiment."""

    function: str
    arguments: dict[str, dict[str, Any]]
    """By name, as far as they are plain; a nested one by the keys of its parts."""
    given: dict[str, str]
    """Digests of the values of other tasks that it took, by parameter."""
    sent: dict[str, str]
    """Digests of what was sent to its process, by name."""
    by_value: bool
    """It was pickled, so it is put back as a whole or not at all."""


class Call:
    """What the process of a run was told.

    Args:
        files: Gives the bytes of what was sent.
        run_id: The run.
        told: Its document; empty where the run was no task of an experiment.
    """

    def __init__(self, files: Files, run_id: RunId, told: Mapping[str, Any]) -> None:
        self._files, self._run_id, self._told = files, run_id, told
        self.is_task = told.get("kind") == "task"
        """It calls a function."""
        self.is_script = told.get("kind") == "script"
        """It is a command."""
        self._blobs: dict[str, str] = dict(told.get("blobs", {}))

    @property
    def given(self) -> dict[str, str]:
        """Digests of the values of other tasks that were kept with the run, by parameter."""
        names = self._told["spec"]["upstream"] if self.is_task else ()
        files = {name: [self._blobs.get(given_name(name, file), "") for file in _VALUE_FILES] for name in names}
        return {name: digest_value(digests) for name, digests in files.items() if any(digests)}

    def task(self, params: Mapping[str, Any]) -> Task | None:
        """The call with its parameters; None where no function was called."""
        if not self.is_task:
            return None
        arguments: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            arguments.setdefault(key.partition(".")[0], {})[key] = value
        sent = {name: self._blobs.get(name, "") for name in (SPEC_FILE, PAYLOAD_FILE)}
        return Task(self._told["spec"]["function"], arguments, self.given, sent, bool(sent[PAYLOAD_FILE]))

    def command(
        self, environment: EnvironmentSnapshot, process: ProcessSnapshot
    ) -> tuple[EnvironmentSnapshot, ProcessSnapshot]:
        """What was captured of the driver, with what it told the process: variables, and a script's command."""
        own = msgspec.convert(self._told.get("env", {}), dict[str, str])
        environment = msgspec.structs.replace(environment, variables={**environment.variables, **own})
        if self.is_script:
            process = msgspec.structs.replace(process, argv=msgspec.convert(self._told["argv"], list[str]))
        return environment, process

    def put(
        self, folder: Path, move: Relocation, seed: int | None, taken: Collection[str], source: Call
    ) -> tuple[list[str], list[str]]:
        """Write a task's call for a rerun.

        Args:
            folder: A new folder for it.
            move: Where things are now.
            seed: The rerun's own.
            taken: Arguments, by name, that are another call's; ``WHOLE_FUNCTION`` for its function.
            source: That call; this one where nothing is taken.

        Returns:
            The command, and the project's folders that it imports from.

        Raises:
            SourceMissingError: A value of another task was not kept.
            NotFoundError: The store has lost what was sent.
        """
        if secret := self._told.get("secret"):
            raise SourceMissingError(
                f"the call holds a secret, so {', '.join(secret)} was not recorded",
                hint="have the function read it from an environment variable or a file, and record the run again",
            )
        folder.mkdir()
        for name in self._blobs.keys() & {SPEC_FILE, PAYLOAD_FILE, SOURCE_FILE}:
            self._write(name, folder / name)
        spec = self._told["spec"]
        givers = dict.fromkeys(spec["upstream"], self)
        if taken:
            givers = {name: call for name, call in givers.items() if name not in taken}
            givers |= {name: source for name in source._told["spec"]["upstream"] if name in taken}
            source._write(SPEC_FILE, folder / (SPEC_FILE + OTHER_SUFFIX))
        moved: dict[str, Any] = {
            "cwd": move.moved(spec["cwd"]),
            "argv": [move.moved(word) for word in spec["argv"]],
            "sys_path": None,
            "seed": seed,
            "upstream": {name: str(call._give(name, folder)) for name, call in givers.items()},
        }
        if taken:
            moved["taken"] = list(taken)
        write_plain(str(folder / (SPEC_FILE + MOVED_SUFFIX)), moved)
        # The rebuilt Python knows where its own library is; only the project's folders are handed over.
        own = [path for path in map(move.moved, spec["sys_path"]) if path.startswith(str(move.root))]
        return [str(move.python), *worker_command(folder)[1:]], own

    def _give(self, name: str, folder: Path) -> Path:
        """Put a value that another task returned where the task looks for it."""
        if name not in self.given or not name.isidentifier():
            raise SourceMissingError(
                f"this task takes the value of {name}, which was not kept with the run: {self._why_not_kept(name)}",
                hint="have the task read it from a dataset or an artifact of the other one, or record it again with "
                "RUNWARD_KEEP_VALUES at so many MiB",
            )
        place = folder / name
        place.mkdir()
        for file in _VALUE_FILES:
            if given_name(name, file) in self._blobs:
                self._write(given_name(name, file), place / file)
        return place

    def _why_not_kept(self, name: str) -> str:
        size = self._told.get("left_out", {}).get(name)
        if size is None:
            return "an older version recorded it, which kept none"
        return f"it has {-(-size >> 20):,} MiB, more than was to be kept (64, or what RUNWARD_KEEP_VALUES said)"

    def _write(self, name: str, path: Path) -> None:
        path.write_bytes(self._files.read(self._run_id, self._blobs[name]))


def returned(folder: Path) -> dict[str, float]:
    """Numbers that a rerun task's function returned: they count as metrics, as in the first run."""
    path = folder / RESULT_FILE
    return (
        {key: float(value) for key, value in read_plain(str(path)).get("metrics", {}).items()} if path.exists() else {}
    )
