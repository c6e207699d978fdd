"""``runward model handoff``, ``accept``, ``handoffs``: a version leaves with its papers, and somebody takes it."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.models import when
from runward.cli.modelversions import bytes_text, find_version
from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.face import current_workspace
from runward.interop.handoff import Bundle, check_bundle, write_bundle


@click.command("handoff")
@click.argument("name")
@click.argument("version", metavar="VERSION|ALIAS")
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), required=True, help="A new folder, or a new file.zip."
)
@click.option("--offline", is_flag=True, help="Ask no package index for the hashes of the lock.")
@with_json
@pass_output
def handoff(output: Output, name: str, version: str, target: Path, offline: bool) -> None:
    """Write a version with all that its receiver needs: files, card, lock, signature, test vectors, certificate.

    A manifest names the digest of everything; the workspace notes its digest, by which the receiver accepts it.
    """
    space = current_workspace()
    made = write_bundle(space, name, find_version(space, name, version), target, offline=offline)
    output.result(made, [_head(made), f"  {target}: runward model accept {target}"])
    _talk(output, made)


@click.command("accept")
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--check-only", is_flag=True, help="Look at it and write nothing down; needs no workspace.")
@click.option("--note", "-m", default="", help="For the record.")
@with_json
@pass_output
def accept(output: Output, bundle: Path, check_only: bool, note: str) -> int:
    """Check every byte of a bundle, and write down in the workspace of the model that you took it over.

    Nothing of it is unpacked, loaded or run. Exit code 1, and nothing is written down, where anything differs.
    """
    found = check_bundle(bundle)
    if not found.problems and not check_only:
        current_workspace().registry.accept_handoff(found.manifest.model, found.digest, note)
    state = "not accepted" if found.problems else "checked" if check_only else "accepted"
    output.result(found, [f"{_head(found)}: {state}", *(f"  {problem}" for problem in found.problems)])
    _talk(output, found)
    return NO if found.problems else YES


@click.command("handoffs")
@click.argument("name")
@with_json
@pass_output
def handoffs(output: Output, name: str) -> None:
    """Bundles of a model: who handed them over, and who accepted them."""
    found = current_workspace().registry.list_handoffs(name)
    rows = [
        [one.version, one.digest[:12], one.by, when(one.at), one.accepted_by or "nobody yet", one.note] for one in found
    ]
    output.table(found, ["version", "digest", "by", "when", "accepted by", "note"], rows)


def _head(bundle: Bundle) -> str:
    manifest = bundle.manifest
    size = bytes_text(sum(file.size for file in manifest.files))
    return f"{manifest.model} {manifest.version}, {len(manifest.files)} files, {size}, digest {bundle.digest[:12]}"


def _talk(output: Output, bundle: Bundle) -> None:
    for what, why in bundle.manifest.absent.items():
        output.say(f"no {what}: {why}")
    for path in bundle.manifest.unsafe:
        output.say(f"model/{path} may run code when it is loaded")
    output.say(f"test vectors: {bundle.vectors}")
