"""``runward env``: the environments of runs, shown, compared and written as a lock."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.face import current_workspace
from runward.interop.runlock import lock_of_run
from runward.tracking.environments_model import EnvironmentDifferences, PackageDifference, RunPackage, StoredLock
from runward.tracking.locks.names import kind_of


@click.group()
def env() -> None:
    """The environments of runs: show, compare, write as a lock. RUN is an id, the beginning of one, a name or @last."""


@env.command("show")
@click.argument("ref", metavar="RUN")
@click.option("--lock", "path", default="", metavar="PATH", help="What a lock file of the run says instead.")
@with_json
@pass_output
def show(output: Output, ref: str, path: str) -> None:
    """Python, platform, packages and lock files of a run."""
    space = current_workspace()
    run_id = space.tracking.resolve_run(ref).id
    if path:
        content = space.environments.lock_content(run_id, path)
        rows = [[p.ecosystem, p.name, p.version, len(p.hashes), p.marker or p.platform] for p in content.packages]
        output.table(content, ["ecosystem", "package", "version", "hashes", "where"], rows, "; ".join(content.problems))
        return
    found = space.environments.environment(run_id)
    lines = [
        f"{found.implementation} {found.python} on {found.platform}" + (f", {found.libc}" if found.libc else ""),
        *(f"  {name}: {value}" for name, value in found.machine.items()),
        f"  {len(found.libraries):,} shared libraries of the system loaded (--json names them)",
        f"  locks{'' if found.locks else ': none in the captured tree'}",
        *(f"    {lock.path}  ({lock.kind}, {lock.size:,} bytes)" for lock in found.locks),
        f"  {_stored(found.pylock)}",
        f"  {len(found.packages):,} packages",
        *(f"    {_package(package)}" for package in found.packages),
    ]
    output.result(found, lines)


def _stored(lock: StoredLock | None) -> str:
    if lock is None:
        return "pylock.toml: not stored with the run (`runward env lock` writes it)"
    without = f", without {', '.join(lock.left_out)}" if lock.left_out else ""
    count = f"{lock.packages:,} package{'' if lock.packages == 1 else 's'}"
    return f"pylock.toml: stored with the run, {count}{without} (`runward env lock` prints it)"


def _package(package: RunPackage) -> str:
    notes = [package.url or package.source] if package.source != "index" else []
    notes += [f"{package.edited} edited file(s)"] if package.edited else []
    return f"{package.name} {package.version}" + (f"  ({', '.join(notes)})" if notes else "")


@env.command("diff")
@click.argument("first", metavar="RUN_A")
@click.argument("second", metavar="RUN_B")
@with_json
@pass_output
def diff(output: Output, first: str, second: str) -> int:
    """What was installed differently for two runs, then how their lock files differ. Exit code 1 if anything does."""
    found = current_workspace().environments.environment_differences(first, second)
    lines = list(_differences(found))
    output.result(found, lines or "nothing differs")
    return NO if lines else YES


def _differences(found: EnvironmentDifferences) -> Sequence[str]:
    lines = [f"{fact.name}: {fact.before or '–'} → {fact.after or '–'}" for fact in found.facts]
    lines += [_changed(package) for package in found.packages]
    for lock in found.locks:
        lines += [f"{lock.change} {lock.path} ({lock.kind})", *(f"    {_changed(one)}" for one in lock.packages)]
        lines += [f"    {problem}" for problem in lock.problems]
    return lines


def _changed(package: PackageDifference) -> str:
    return f"{package.ecosystem} {package.name}: {package.before or '–'} → {package.after or '–'}"


@env.command("lock")
@click.argument("ref", metavar="RUN")
@click.option("--output", "-o", "target", type=click.Path(path_type=Path), default=None, help="A file; default stdout.")
@click.option("--offline", is_flag=True, help="Ask no package index for hashes, only uv's cache.")
@click.option("--fresh", is_flag=True, help="Write it now, even if one was stored with the run.")
@with_json
@pass_output
def lock(output: Output, ref: str, target: Path | None, offline: bool, fresh: bool) -> int:
    """What was installed for a run as pylock.toml (PEP 751), with the hashes of all files.

    It was stored with the run, or is written now. Nothing is resolved: the versions are those that ran. Exit code 1 if a
    package had to be left out.
    """
    space = current_workspace()
    written = lock_of_run(space, space.tracking.resolve_run(ref).id, offline=offline, fresh=fresh)
    if target is None and not output.json:
        sys.stdout.write(written.text)
    elif target is not None:
        target.write_text(written.text, "utf-8")
        if kind_of(target.name) != "pylock":
            output.hint("installers take it only under the name pylock.toml or pylock.NAME.toml")
    for pin, why in written.left_out.items():
        output.say(f"left out {pin}: {why}")
    note = f"{written.packages:,} packages in {target}: uv pip sync {target}"
    if target is not None or output.json:
        output.result({"file": str(target) if target else None} | msgspec.to_builtins(written), note)
    return NO if written.left_out else YES
