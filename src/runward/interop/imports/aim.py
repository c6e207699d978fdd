"""Aim: its repository, read by Aim itself in a process of its own."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from runward.errors import InvalidError, MissingExtraError
from runward.interop.imports.model import HISTOGRAM, Broken, File, Foreign, Head, flat, from_s, version_of
from runward.tracking.model import OutputChunk, RunStatus
from runward.tracking.points import Columns, column_of, extend

PYTHON = "RUNWARD_AIM_PYTHON"
_NO_END = "Aim's storage has no end for this run: it was cut off, or is still running"
_SYSTEM = "__system__"
_KINDS = {
    "Text": ("txt", "text/plain"),
    "Distribution": ("json", HISTOGRAM),
    "Figure": ("plotly.json", "application/json"),
}


class AimRepository:
    """A folder with ``.aim`` in it.

    Aim's storage has no description that others could read it by, so the reader is Aim: in the Python that runs this, or in
    that which ``RUNWARD_AIM_PYTHON`` names.
    """

    tool = "aim"

    def __init__(self, path: Path) -> None:
        root = path.parent if path.name == ".aim" else path
        self.where, self.lost = str(root), Counter[str]()
        if not (root / ".aim" / "meta").is_dir():
            raise InvalidError(
                f"{path} has no folder .aim/meta, so it is no Aim repository", hint="give the folder of `aim init`"
            )
        self._python = os.environ.get(PYTHON) or sys.executable
        self._process = _started(self._python, root)
        weakref.finalize(self, _end, self._process)

    def _ask(self, question: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{question}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the reader has ended"}
        if "ModuleNotFoundError: No module named 'aim'" in answer.get("error", ""):
            raise MissingExtraError(
                f"Aim is not installed for {self._python}, and only Aim can read its repositories",
                hint=f"pip install aim, or name a Python that has it: {PYTHON}=/path/to/python",
            )
        if "error" in answer:
            raise InvalidError(f"{self.where}: {answer['error']}")
        return answer

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for run, experiment, points, facts, problem in self._ask("heads")["heads"]:
            head = Head(run, run, "" if experiment == "default" else experiment, version_of(facts), points)
            yield Broken(head, f"{self.where}: {problem}") if problem else head

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                yield self._run(head, self._ask(head.id))
            except InvalidError as error:
                yield Broken(head, str(error))

    def _run(self, head: Head, told: dict[str, Any]) -> Foreign:
        props, end = told["props"], told["end"]
        run = Foreign(
            head=head,
            name=props["name"],
            status=RunStatus.FAILED if end is None else RunStatus.FINISHED,
            started_at=from_s(props["created"]),
            ended_at=from_s(end) if end is not None else None,
            error=_NO_END if end is None else "",
            purpose=props["description"],
        )
        run.params, run.series, run.files = flat(told["attrs"]), {}, []
        run.tags = dict.fromkeys(props["tags"], "") | ({"aim.archived": "true"} if props["archived"] else {})
        shorts = Counter(_key(name, context) for name, context, *_ in told["series"])
        for name, context, *columns in told["series"]:
            is_short = shorts[_key(name, context)] == 1
            _add_series(run, _key(name, context, short=is_short), columns)
        for item in told["media"]:
            self._add_medium(run, *item)
        run.output = [OutputChunk("stdout", f"{text}\n", at) for at, text in told["lines"]]
        self._add_artifacts(run, told["artifacts"])
        if told["epochs"]:
            self.lost["epochs of metrics"] += told["epochs"]
        if told["system"]:
            self.lost["system parameters (packages, environment)"] += told["system"]
        if run.ended_at is None:
            last = max((columns.times[-1] for columns in run.series.values()), default=props["created"])
            run.ended_at = from_s(max(last, props["created"]))
        return run

    def _add_medium(self, run: Foreign, kind: str, name: str, context: Any, step: int, form: str, content: str) -> None:
        if not form:
            self.lost[f"tracked objects of the kind {kind}"] += 1
            return
        extension, media_type = _KINDS.get(kind, (form, f"{kind.lower()}/{form}"))
        base, taken = f"media/{_key(name, context)}/{step}", {file.path for file in run.files}
        path, number = f"{base}.{extension}", 1
        while path in taken:
            number += 1
            path = f"{base}-{number}.{extension}"
        run.files.append(File(path, base64.b64decode(content), media_type))

    def _add_artifacts(self, run: Foreign, artifacts: list[list[str]]) -> None:
        for name, uri in artifacts:
            parts = urlsplit(uri)
            path = Path(unquote(parts.path))
            if parts.scheme in ("", "file") and path.is_file():
                run.files.append(File(name, path))
            else:
                self.lost[f"artifacts at {parts.scheme or 'file'}:// (only those on this machine are read)"] += 1


def _add_series(run: Foreign, key: str, columns: list[str]) -> None:
    steps, times, values = (base64.b64decode(column) for column in columns)
    found = Columns(column_of("q", steps), column_of("d", times), column_of("d", values))
    if key in run.series:
        extend(run.series[key], found)
    else:
        run.series[key] = found


def _started(python: str, root: Path) -> subprocess.Popen[str]:
    program = Path(__file__).with_name("aim_program.py")
    environment = {**os.environ, "AIM_UI_TELEMETRY_ENABLED": "0", "PYTHONPATH": ""}
    try:
        return subprocess.Popen(
            [python, str(program), str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="surrogatepass",
            env=environment,
        )
    except OSError as error:
        raise InvalidError(
            f"{PYTHON} is {python!r}: {error.strerror}", hint="give the path of a Python that has Aim"
        ) from None


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
        process.communicate(timeout=10)
    if process.poll() is None:
        process.kill()
        process.communicate()


def _key(name: str, context: dict[str, Any], *, short: bool = True) -> str:
    """A name in a context: ``train/loss`` for the context ``subset=train``, else ``subset=train/loss``."""
    if name.startswith(_SYSTEM) and not context:
        return f"system/{name.removeprefix(_SYSTEM)}"
    parts = [str(v) if short and k == "subset" else f"{k}={v}" for k, v in sorted(context.items())]
    return "/".join([*parts, name])
