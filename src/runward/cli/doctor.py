"""``runward doctor``: the health of workspace and machine, and the drift between a lock and what is installed."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from runward import face
from runward._version import __version__
from runward.cli.output import NO, UNDECIDED, YES, Output, pass_output, with_json
from runward.cli.place import open_place, placed
from runward.errors import EnvironmentNotRebuiltError, InvalidError, RunwardError
from runward.repro.rerun import probe_bubblewrap
from runward.repro.uv import find_uv
from runward.tracking.capture.model import EnvironmentSnapshot
from runward.tracking.journal import journals_in
from runward.tracking.locks.drift import Drift, described, find_drift, lock_of, ways_out
from runward.tracking.locks.finding import default_groups, find_lock, read_lock
from runward.tracking.locks.live import choose_python, edited_files
from runward.tracking.locks.model import Lock
from runward.tracking.soundness import damaged_points
from runward.workspace import FolderWorkspace

_SHOWN = 20


class _Meant(NamedTuple):
    """The lock that the environment is compared with."""

    place: str
    folder: Path | None
    """Whose ``.venv`` it is about."""
    lock: Lock


@click.command()
@click.option("--lock", "lock_file", type=click.Path(path_type=Path), default=None, help="The lock; default: searched.")
@click.option("--run", "ref", default="", metavar="RUN", help="Compare with the packages of a run instead of a lock.")
@click.option("--python", default="", help="An interpreter or the folder of an environment; default: the active one.")
@click.option("--strict", is_flag=True, help="Packages that a complete lock does not name are drift too.")
@click.option("--drift", "only_drift", is_flag=True, help="Leave the health checks out: only lock and environment.")
@click.option("--server", "of_server", is_flag=True, help="Only the health of the workspace, as its server sees it.")
@click.option(
    "--deep",
    is_flag=True,
    help="Read every stored file and point: digests, checksums, and the tags of what is encrypted.",
)
@placed
@with_json
@pass_output
def doctor(
    output: Output,
    lock_file: Path | None,
    ref: str,
    python: str,
    strict: bool,
    only_drift: bool,
    of_server: bool,
    deep: bool,
    folder: Path | None,
    database: str,
    blobs: str,
) -> int:
    """Health of workspace and environment, drift from the lock, and how to mend it.

    The lock is the nearest uv.lock, pylock.toml, poetry.lock, pdm.lock, Pipfile.lock, conda-lock.yml or pinned
    requirements file, from here upwards. Exit code 1 if anything is not well or differs from the lock, 3 if the lock
    could not be compared.
    """
    if of_server:
        return _server(output)
    if lock_file is not None and ref:
        raise InvalidError("--lock and --run were both given", hint="compare with one of them")
    checks = [] if only_drift else [_workspace(), *_keys(), _journals(), _uv(), _sandbox(), _git()]
    if deep:
        checks.append(_bytes(folder, database, blobs))
    meant = _meant(lock_file, ref)
    drift = None if meant is None else _drift(meant, python, strict)
    document = {"version": __version__, "python": platform.python_version(), "checks": checks}
    lines = [f"{'✓' if c['ok'] else '✗'} {c['name']}: {c['message']}" for c in checks]
    head = [] if only_drift else [f"Runward {__version__}, Python {platform.python_version()}"]
    shown = ["– lock: there is none here or above"] if drift is None or meant is None else _shown(drift, meant.lock)
    output.result(document | {"drift": msgspec.to_builtins(drift)}, [*head, *lines, *shown])
    if not all(check["ok"] for check in checks) or (drift and drift.verdict == "drift"):
        return NO
    return UNDECIDED if drift and drift.verdict == "undecided" else YES


def _meant(lock_file: Path | None, ref: str) -> _Meant | None:
    if ref:
        space = face.current_workspace()
        run = space.tracking.resolve_run(ref)
        data = space.files.capture(run.id, "environment")
        here = Path.cwd()
        home = next((folder for folder in (here, *here.parents) if (folder / ".venv").is_dir()), None)
        return _Meant(run.id, home, lock_of(msgspec.json.decode(data, type=EnvironmentSnapshot)))
    if lock_file is not None:
        return _Meant(str(lock_file), lock_file.absolute().parent, read_lock(lock_file))
    found = find_lock(Path.cwd())
    return None if found is None else _Meant(_near(found[0]), found[0].parent, found[1])


def _near(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _drift(meant: _Meant, python: str, strict: bool) -> Drift:
    live = choose_python(meant.folder, python)
    groups = default_groups(meant.folder) if meant.folder else ()
    edited = edited_files(live.site_dirs)
    return find_drift(meant.lock, live, edited, place=meant.place, groups=groups, strict=strict)


def _shown(drift: Drift, lock: Lock) -> list[str]:
    where = f"{drift.python.executable} (Python {drift.python.version}, {drift.python.chosen_by})"
    head = {
        "same": f"✓ lock: {drift.lock} is what is installed for {where}",
        "drift": f"✗ lock: {drift.lock} is not what is installed for {where}",
        "undecided": f"? lock: {drift.lock} could not be compared with {where}",
    }[drift.verdict]
    return [head, *(f"    {line}" for line in described(drift)), *(f"  → {way}" for way in ways_out(drift, lock))]


def _server(output: Output) -> int:
    """What the server says of its workspace; a folder says it of itself."""
    space = face.current_workspace()
    health = space.health.health()
    signs = {"well": "✓", "ailing": "!", "failing": "✗"}
    lines = [f"Runward {health.version} at {space.place}"]
    for check in health.checks:
        hint = f" ({check.hint})" if check.hint and check.state != "well" else ""
        lines.append(f"{signs[check.state]} {check.name}: {check.message}{hint}")
    output.result(health, lines)
    return NO if health.state == "failing" else YES


def _check(name: str, ok: bool, message: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "message": message}


def _workspace() -> dict[str, Any]:
    try:
        space = face.current_workspace()
        me = space.governance.whoami()
    except RunwardError as error:
        return _check("workspace", False, str(error).replace("\n", " "))
    note = "" if me.verified else " (not verified: a folder's local user)"
    return _check("workspace", True, f"{space.place}, as {me.name}{note}")


def _keys() -> list[dict[str, Any]]:
    """Of a folder that is encrypted, whether its root key opens what is in it."""
    try:
        space = face.current_workspace()
        keys = space.governance.list_keys() if isinstance(space, FolderWorkspace) else None
    except RunwardError:
        return []  # The line before this one says why.
    if keys is None or keys.encrypted_since is None:
        return []
    hint = f"{keys.problem}: put it back; without it nothing that is encrypted can be read"
    return [_check("keys", not keys.problem, hint if keys.problem else f"the root key is {keys.where}")]


def _journals() -> dict[str, Any]:
    try:
        waiting = journals_in(face.current_workspace().state_dir / "journals")
    except RunwardError:
        waiting = []
    message = f"{len(waiting)} journal(s) wait: `runward sync` uploads them" if waiting else "nothing waits for upload"
    return _check("journals", not waiting, message)


def _bytes(folder: Path | None, database: str, blobs: str) -> dict[str, Any]:
    dispatcher = open_place(folder, database, blobs)
    wrong = list(dispatcher.blobs.problems())
    with dispatcher.database.transaction(write=False) as tx:
        if tx.dialect == "sqlite":
            wrong += [f"the database: {row[0]}" for row in tx.all("PRAGMA integrity_check") if row[0] != "ok"]
        wrong += damaged_points(tx)
    message = "; ".join([*wrong[:_SHOWN], *([f"and {len(wrong) - _SHOWN:,} more"] if len(wrong) > _SHOWN else [])])
    return _check("bytes", not wrong, message or "every stored file and point is as it was written")


def _uv() -> dict[str, Any]:
    try:
        return _check("uv", True, find_uv())
    except EnvironmentNotRebuiltError as error:
        return _check("uv", False, f"{error.message}: `runward verify` cannot rebuild environments; pip install uv")


def _sandbox() -> dict[str, Any]:
    problem = probe_bubblewrap()
    good = "bubblewrap works: reruns are isolated"
    return _check("isolation", not problem, problem or good)


def _git() -> dict[str, Any]:
    found = shutil.which("git")
    return _check("git", found is not None, found or "not found: commits and diffs are not captured")
