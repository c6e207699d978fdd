"""What training code holds: ``log_metric`` and its kin. Nothing here blocks on a network or loads a database.

After ``start`` nothing raises into the training: what cannot be logged is refused with one warning for each reason.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from runward.config.settings import flat_items, library_tags, origin_of, origins_in
from runward.core.usage import Usage
from runward.errors import InvalidError, NotFoundError, RunwardError
from runward.governance.names import check_name
from runward.tracking import journal as j
from runward.tracking.capture.redact import redact
from runward.tracking.filelog import FileLog
from runward.tracking.harmless import harmless, said, shown
from runward.tracking.journal import Journal
from runward.tracking.masking import told
from runward.tracking.media import parse_media_path, plain
from runward.tracking.medialog import MAX_STEP

MAX_TAG = 100_000
JOURNAL_VARIABLE = "RUNWARD_JOURNAL"
"""The folder of a task's journals: its process logs to the run that the task is."""
RUN_VARIABLE = "RUNWARD_RUN_ID"
"""The id of the run to log to."""
ACTIVE_VARIABLE = "RUNWARD_ACTIVE_RUN"
"""``id:folder`` of the run that this process began, for the processes that it starts."""


class Hooks:
    """What its owner does around the end of a run: nothing, inside a task."""

    def before_end(self, run: ActiveRun) -> None:
        """Called before the end is written."""

    @contextlib.contextmanager
    def leaving(self, run: ActiveRun, status: str) -> Iterator[bool]:
        """Held while this process takes leave of the run: whether it writes the run's end.

        A task's process says only what went wrong: its end is the driver's to tell.
        """
        yield os.environ.get(JOURNAL_VARIABLE) is None or status != "finished"

    def after_end(self, run: ActiveRun) -> None:
        """Called when the journal is closed."""


class _Guest(Hooks):
    """A process that was started by the one whose run it logs to: the end is not its own."""

    @contextlib.contextmanager
    def leaving(self, run: ActiveRun, status: str) -> Iterator[bool]:
        yield False


class ActiveRun(FileLog):
    """A run that is being logged. Thread-safe; usable as a context manager."""

    def __init__(self, run_id: str, folder: Path, hooks: Hooks | None = None) -> None:
        super().__init__(folder)
        self.id = run_id
        self._hooks = hooks or Hooks()
        self._journal = Journal(folder, run_id)
        self._pid = os.getpid()
        # Counters, because the next of one is taken in one step, whichever thread asks.
        self._steps: dict[str, count[int]] = {}
        self._good_keys: set[str] = set()
        self._ended, self._lost = False, 0
        self.entered = False
        """Whether a ``with`` block ends it."""
        self.measure: Callable[[], Usage] = Usage
        """Says at the end what was used; nothing is known unless its owner watches."""
        self.gpu_bytes = 0
        """GPU memory that the run's other processes said they had reserved."""

    @property
    def folder(self) -> Path:
        """Where the run's journals and spooled files lie."""
        return self._folder

    @property
    def journal(self) -> Journal:
        """This process's journal; a forked child gets one of its own."""
        if self._pid != os.getpid():
            self._journal, self._pid = Journal(self._folder, self.id), os.getpid()
            self._hooks = _Guest()
        return self._journal

    def leave_to_parent(self) -> None:
        """In a forked child: let go of the parent's journal, which counts as being written while a child holds it."""
        self._journal.abandon()

    def count_from(self, last_steps: Mapping[str, int], artifacts: Iterable[str] = ()) -> None:
        """Take up a run again: steps count on after the last ones, media go beside what is there.

        Args:
            last_steps: The greatest step of each metric.
            artifacts: The paths of the run's artifacts.
        """
        self._steps.update((key, count(step + 1)) for key, step in last_steps.items() if step < MAX_STEP)
        for found in filter(None, map(parse_media_path, artifacts)):
            self._media_steps[found.key] = max(found.step, self._media_steps.get(found.key, -1))
            place = found.key, found.step
            self._media_taken[place] = max(found.n, 1, self._media_taken.get(place, 0))

    def _write(self, frame: list[Any]) -> None:
        if self._ended and frame[0] != j.END and self._journal.is_closed:
            hint = f"runward.start(run_id={self.id!r}) takes it up again"
            self._warn("over", f"run {self.id} is over; what is logged to it now is not kept ({hint})")
            return
        try:
            self.journal.append(frame, is_last=frame[0] == j.END)
        except (RunwardError, TypeError, ValueError, OverflowError, OSError) as error:
            self._lost += 1
            self._warn("write", f"an entry could not be logged: {error}")

    # what is logged -------------------------------------------------------------------------------------------------

    def log_metric(self, key: str, value: float, step: int | None = None) -> None:
        """Log one number. See :meth:`log_metrics`."""
        # The way of nearly every call: a float under a known key. All others take the longer way with its checks.
        if type(value) is float and type(key) is str and key in self._good_keys:
            if step is None:
                self._write([j.POINTS, self._next_step(key), j.now(), (key,), (value,)])
                return
            if type(step) is int and -MAX_STEP - 1 <= step <= MAX_STEP:
                self._steps[key] = count(step + 1)
                self._write([j.POINTS, step, j.now(), (key,), (value,)])
                return
        self._log_one(key, value, step)

    @harmless
    def _log_one(self, key: str, value: float, step: int | None) -> None:
        self.log_metrics({key: value}, step)

    @harmless
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers at one step.

        Args:
            metrics: Numbers by key. NaN and ±inf are legal and kept bit for bit. A 0-d array or tensor counts as a
                number; text does not.
            step: A whole number from -2^63 to 2^63-1; without one each key counts its own from 0.
        """
        values = {}
        for key, value in metrics.items():
            number = self._number(key, value)
            if number is not None:
                values[key] = number
        if not values:
            return
        if step is not None and not self._step_fits(step):
            return
        steps: int | list[int]
        if step is None:
            steps = [self._next_step(key) for key in values]
        else:
            steps = int(step)
            self._steps.update((key, count(steps + 1)) for key in values)
        self._write([j.POINTS, steps, j.now(), list(values), list(values.values())])

    def _number(self, key: Any, value: Any) -> float | None:
        if type(value) is float and type(key) is str and key in self._good_keys:
            return value
        if not self._key_fits(key, "metric"):
            return None
        if isinstance(value, str | bytes) or value is None:
            self._warn(
                f"value:{key}", f"metric {key!r} is {value!r:.80}, not a number; log text with log_param or set_tag"
            )
            return None
        try:
            # Of a tensor with a gradient, and of an array of one number, `float` warns.
            item = getattr(value, "item", None)
            return float(value if item is None else item())
        except OverflowError:
            return math.inf if value > 0 else -math.inf
        # RuntimeError: a tensor of several numbers, or of none that is there yet.
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            about = f"metric {key!r} is a {type(value).__name__}, not a number ({said(error)})"
            self._warn(f"value:{key}", about)
            return None

    def _key_fits(self, key: Any, what: str) -> bool:
        """Whether a key is one that the store takes: it would refuse the whole journal for one that is not."""
        try:
            self._good_keys.add(check_name(key, f"{what} key", limit=1000))
        except (InvalidError, TypeError, AttributeError) as error:
            reason = error.message if isinstance(error, InvalidError) else f"{what} key {shown(key)} is no text"
            self._warn(f"key:{shown(key)}", f"{reason}; it is not logged")
            return False
        return True

    def _step_fits(self, step: Any) -> bool:
        try:
            fits = bool(int(step) == step and -MAX_STEP - 1 <= step <= MAX_STEP)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            fits = False
        if not fits:
            about = f"step {shown(step, 40)} is not a whole number from -2^63 to 2^63-1; the values are dropped"
            self._warn("step", about)
        return fits

    def _next_step(self, key: str) -> int:
        # After the last step there is none.
        return min(next(self._steps.setdefault(key, count())), MAX_STEP)

    @harmless
    def log_param(self, key: str, value: Any) -> None:
        """Record one parameter. See :meth:`log_params`."""
        self.log_params({key: value})

    @harmless
    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters: text, numbers, truth values, None, and lists and dicts of them; others as their text.

        Of :class:`runward.config.settings.Settings` the origins are recorded too, and dicts inside become dotted keys.
        """
        origins = origins_in(params)
        items = flat_items(params).items()
        found = {}
        for key, value in items:
            name = str(key)
            if self._key_fits(name, "param"):
                # One value that cannot be told costs only itself.
                try:
                    found[name] = told("param", name, plain(value))
                except (TypeError, ValueError, RuntimeError, AttributeError) as error:
                    self._warn(f"param:{name}", f"param {name!r:.80} could not be logged: {said(error)}")
        if found:
            known = {key: origin_of(key, origins) for key in found} if origins else {}
            self._write([j.PARAMS, found, known] if origins else [j.PARAMS, found])
        for key, value in library_tags(params).items():
            self.set_tag(key, value)

    @harmless
    def set_tag(self, key: str, value: Any) -> None:
        """Set a tag, a short text to find the run by."""
        text = str(value)
        if "\0" in text or len(text) > MAX_TAG:
            self._warn(f"tag:{shown(key)}", f"tag {shown(key)} has a NUL character or is too long; it is not set")
        elif self._key_fits(str(key), "tag"):
            self._write([j.TAGS, {str(key): told("tag", str(key), text)}])

    def log_output(self, stream: str, text: str) -> bool:
        """Record what the run printed, its secrets masked: none of them may be cut in two by two calls.

        Returns whether there were any.
        """
        kept = redact(text)
        if kept:
            self._write([j.OUTPUT, stream, kept, j.now()])
        return kept != text

    def note_captures(self, parts: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Record captured documents: (kind, digest of a spooled blob, summary)."""
        self._write([j.CAPTURES, parts])

    # the end --------------------------------------------------------------------------------------------------------

    def finish(self, status: str = "finished", exit_code: int | None = None, error: str = "") -> None:
        """End the run: ``finished``, ``failed``, ``cancelled`` or ``timed_out``. Ending it twice changes nothing.

        Any other status ends it as failed: nobody said that it went well.
        """
        if self._ended:
            return
        self._ended = True
        if status not in j.ENDS:
            allowed = ", ".join(j.ENDS)
            self._warn("status", f"status {shown(status)} is none of {allowed}; run {self.id} ends as failed")
            status = "failed"
        if exit_code is not None and type(exit_code) is not int:
            self._warn("exit_code", f"exit code {shown(exit_code)} is no whole number; it is left out")
            exit_code = None
        hooks = self._hooks if self._pid == os.getpid() else _Guest()
        self._around(hooks.before_end)
        with hooks.leaving(self, status) as ends:
            if ends:
                self._tell_lost()
                used = self.measure() if self._pid == os.getpid() else Usage()
                self._write([j.END, status, exit_code, redact(str(error)), j.now(), msgspec.to_builtins(used)])
            if self._pid == os.getpid():
                with contextlib.suppress(OSError, ValueError):
                    self._journal.flush()
                self._journal.close()
        _forget(self)
        self._around(hooks.after_end)

    @harmless
    def _tell_lost(self) -> None:
        """Say on the run what the disk had no space for: the warning is gone with the process."""
        if self._lost:
            lost = {"runward.lost": f"{self._lost} entries could not be written to the journal"}
            self.journal.append([j.TAGS, lost], is_last=True)

    @harmless
    def _around(self, work: Callable[[ActiveRun], None]) -> None:
        work(self)

    def __enter__(self) -> ActiveRun:
        """The run itself."""
        self.entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run; as failed if an exception passes through."""
        if kind is None:
            self.finish()
        else:
            status = "cancelled" if issubclass(kind, KeyboardInterrupt) else "failed"
            self.finish(status, 1, f"{kind.__name__}: {error}")


_active: list[ActiveRun] = []


def open_runs() -> list[ActiveRun]:
    """The runs that this process logs, the latest last."""
    return list(_active)


_over: list[ActiveRun] = []
"""The run that was active last: it says of what is still logged that it is not kept, instead of ending the script."""


def _forget(run: ActiveRun) -> None:
    if run in _active:
        _active.remove(run)
        _over[:] = [run]
        _tell_children()


def activate(run: ActiveRun) -> ActiveRun:
    """Make a run the one that the module's functions log to, here and in the processes that are started from here."""
    _active.append(run)
    _tell_children()
    return run


def _tell_children() -> None:
    if _active:
        os.environ[ACTIVE_VARIABLE] = f"{_active[-1].id}:{_active[-1].folder}"
    else:
        os.environ.pop(ACTIVE_VARIABLE, None)


def _leave_to_parent() -> None:
    for run in _active:
        run.leave_to_parent()


os.register_at_fork(after_in_child=_leave_to_parent)


def active_run() -> ActiveRun:
    """The run that is being logged here.

    In a task of an experiment it is found by itself, and so it is in a process that one with a run has started;
    elsewhere ``runward.start()`` begins one.

    Raises: NotFoundError (no run is active).
    """
    if _active:
        return _active[-1]
    folder, run_id = os.environ.get(JOURNAL_VARIABLE), os.environ.get(RUN_VARIABLE)
    if folder and run_id:
        return activate(ActiveRun(run_id, Path(folder)))
    run_id, _, folder = os.environ.get(ACTIVE_VARIABLE, "").partition(":")
    if folder:
        return activate(ActiveRun(run_id, Path(folder), _Guest()))
    raise NotFoundError("no run is active", hint="call runward.start(project=…) first, or log inside a task")


def _logged_to() -> ActiveRun:
    try:
        return active_run()
    except NotFoundError:
        if _over:
            return _over[0]
        raise


def log_metric(key: str, value: float, step: int | None = None) -> None:
    """Log one number to the active run. See :meth:`ActiveRun.log_metrics`."""
    _logged_to().log_metric(key, value, step)


def log_metrics(metrics: Mapping[str, float], step: int | None = None) -> None:
    """Log numbers at one step to the active run. See :meth:`ActiveRun.log_metrics`."""
    _logged_to().log_metrics(metrics, step)


def log_param(key: str, value: Any) -> None:
    """Record one parameter of the active run."""
    _logged_to().log_param(key, value)


def log_params(params: Mapping[str, Any]) -> None:
    """Record parameters of the active run. See :meth:`ActiveRun.log_params`."""
    _logged_to().log_params(params)


def log_artifact(path: str | Path, name: str = "") -> None:
    """Attach a file or folder to the active run. See :meth:`ActiveRun.log_artifact`."""
    _logged_to().log_artifact(path, name)


def log_artifacts(folder: str | Path, name: str = "") -> None:
    """Attach every file of a folder to the active run."""
    _logged_to().log_artifacts(folder, name)


def set_tag(key: str, value: Any) -> None:
    """Set a tag of the active run."""
    _logged_to().set_tag(key, value)


def log_image(key: str, image: Any, step: int | None = None) -> None:
    """Log a picture, or a list of them, to the active run. See :meth:`ActiveRun.log_image`."""
    _logged_to().log_image(key, image, step)


def log_figure(key: str, figure: Any, step: int | None = None) -> None:
    """Log a figure of matplotlib or plotly to the active run. See :meth:`ActiveRun.log_figure`."""
    _logged_to().log_figure(key, figure, step)


def log_audio(key: str, audio: Any, step: int | None = None, *, sample_rate: int = 44100) -> None:
    """Log a sound to the active run. See :meth:`ActiveRun.log_audio`."""
    _logged_to().log_audio(key, audio, step, sample_rate=sample_rate)


def log_text(key: str, text: str, step: int | None = None) -> None:
    """Log a text to the active run. See :meth:`ActiveRun.log_text`."""
    _logged_to().log_text(key, text, step)


def log_table(key: str, table: Any, step: int | None = None, *, columns: Sequence[str] | None = None) -> None:
    """Log a table to the active run. See :meth:`ActiveRun.log_table`."""
    _logged_to().log_table(key, table, step, columns=columns)


def log_histogram(key: str, values: Any, step: int | None = None, *, bins: int = 64) -> None:
    """Log how numbers are distributed to the active run. See :meth:`ActiveRun.log_histogram`."""
    _logged_to().log_histogram(key, values, step, bins=bins)


def finish(status: str = "finished") -> None:
    """End the active run; without one nothing happens."""
    if _active:
        _active[-1].finish(status)
