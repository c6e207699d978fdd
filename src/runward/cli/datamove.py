"""``runward data push|pull``: to and from another workspace, or DVC's files."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from runward.cli.data import asked_for, line_of, size_of, with_purpose
from runward.cli.output import Output, pass_output, with_json
from runward.data.model import DatasetVersion
from runward.errors import InvalidError
from runward.face import current_workspace, default_project
from runward.interop import dvc
from runward.interop.datasets import copy_version
from runward.interop.dvcconfig import repository_of
from runward.interop.dvcremotes import Remote, open_remote
from runward.workspace import Workspace, open_folder, open_url

_DVC = "dvc:"


class Sent(msgspec.Struct, frozen=True):
    """Versions that went somewhere."""

    versions: list[DatasetVersion]
    bytes: int


def _other(place: str, token: str) -> Workspace:
    """The other workspace: a server's URL, or a folder that is there. Raises: InvalidError."""
    if "://" in place:
        return open_url(place, token)
    if not (Path(place) / "runward.db").exists():
        raise InvalidError(f"{place!r} is no workspace", hint="a URL, a workspace's folder, or dvc:FOLDER")
    return open_folder(place)


def _dvc_remote(place: str, name: str, here: Path) -> Remote:
    """The DVC remote at a place, or of the repository in which a file or folder lies."""
    place = place.removeprefix(_DVC)
    return open_remote(place) if place else repository_of(here).remote(name)


_remote = click.option("--remote", "-r", default="", help="The DVC repository's remote; by default its default one.")


@click.command("push")
@click.argument("dataset")
@click.argument("to")
@click.option("--token", envvar="RUNWARD_PUSH_TOKEN", default="", help="For another server; or RUNWARD_PUSH_TOKEN.")
@click.option(
    "--file", "file", type=click.Path(path_type=Path), default=None, help="Into DVC: the .dvc or dvc.lock to write."
)
@click.option("--out", default="", help="Into DVC: the path in that file; by default the dataset's name.")
@_remote
@with_purpose
@with_json
@pass_output
def push(
    output: Output, dataset: str, to: str, token: str, file: Path | None, out: str, remote: str, purpose: str
) -> None:
    """Copy a version to another workspace (URL or folder), or into a DVC remote.

    TO is dvc:FOLDER, dvc:s3://bucket/prefix, or dvc: for a remote of the DVC repository here. Another workspace gets the
    label of a restricted dataset with it, and its terms where you may set them there; DVC knows neither.
    """
    space, asked = current_workspace(), asked_for(dataset)
    version = space.data.get_version(asked.dataset, asked.version)
    if to.startswith(_DVC):
        place = _dvc_remote(to, remote, file or Path())
        written = dvc.push(space, version, place, purpose=purpose)
        written = msgspec.structs.replace(written, path=out or written.path)
        if file is not None:
            dvc.write_dvc(file, written)
        output.result(written, [line_of(version), f"  md5 {written.md5} in {place.place}"])
        return
    there, sent = copy_version(space, version, _other(to, token), purpose=purpose)
    output.result(Sent([there], sent), [line_of(there), f"  {size_of(sent)} were sent to {to}"])


def pull_tracked(space: Workspace, file: Path, source: str, project: str, name: str = "", *, remote: str = "") -> Sent:
    """Versions of what a ``.dvc`` or ``dvc.lock`` file tracks, from a place or else the repository's cache and remote."""
    outs = dvc.read_outs(file)
    objects = _dvc_remote(source, remote, file) if source else repository_of(file).objects(remote)
    added = [dvc.pull(space, out, file.parent, objects, project or default_project(), name) for out in outs]
    return Sent([item.version for item in added], sum(item.stored_bytes for item in added))


@click.command("pull")
@click.argument("what")
@click.argument("source", metavar="FROM", required=False)
@click.option("--token", envvar="RUNWARD_PUSH_TOKEN", default="", help="For another server; or RUNWARD_PUSH_TOKEN.")
@click.option("--project", "-p", default="", help="From DVC: path of the project, made where missing.")
@click.option("--name", "-n", default="", help="From DVC: the dataset; by default named like the data.")
@_remote
@with_purpose
@with_json
@pass_output
def pull(
    output: Output, what: str, source: str | None, token: str, project: str, name: str, remote: str, purpose: str
) -> None:
    """Copy a version from another workspace (URL or folder), or what a .dvc or dvc.lock file tracks.

    From DVC, FROM is dvc:FOLDER, dvc:s3://bucket/prefix or dvc:https://…; by default what the repository's cache has, and
    the rest from its remote.
    """
    space = current_workspace()
    if what.endswith(".dvc") or Path(what).name == "dvc.lock":
        file = Path(what)
        outs = dvc.read_outs(file)
        if name and len(outs) != 1:
            raise InvalidError(f"{what} tracks {len(outs)} outputs, so --name does not say which", hint="leave it out")
        done = pull_tracked(space, file, source or "", project, name, remote=remote)
    else:
        if not source:
            raise InvalidError(f"from where is {what!r} to be copied?", hint="a URL or a workspace's folder")
        asked, other = asked_for(what, project), _other(source, token)
        found = other.data.get_version(asked.dataset, asked.version)
        copied, sent = copy_version(other, found, space, purpose=purpose)
        done = Sent([copied], sent)
    output.result(done, [*(line_of(version) for version in done.versions), f"  {size_of(done.bytes)} were new"])
