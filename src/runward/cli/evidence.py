"""``runward evidence``: the pack that an auditor of a model asks for."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.modelversions import find_version
from runward.cli.output import Output, pass_output, with_json
from runward.errors import NotFoundError
from runward.face import current_workspace
from runward.interop.evidence import digest_of, write_evidence
from runward.workspace import Workspace


@click.command()
@click.argument("name", metavar="MODEL")
@click.argument("version", metavar="[VERSION|ALIAS]", default="")
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), required=True, help="A new folder, or a new file.zip."
)
@click.option("--offline", is_flag=True, help="Ask no package index for the hashes of the lock.")
@with_json
@pass_output
def evidence(output: Output, name: str, version: str, target: Path, offline: bool) -> None:
    """Write what an auditor asks for: card, data, code, reviews, reruns, labels, who did and read what.

    Its first page sorts it under the headings of EU AI Act Annex IV, GDPR Article 30 and HIPAA 164.312, and says what the
    organisation has to add. By default of the newest version.
    """
    space = current_workspace()
    number = find_version(space, name, version) if version else _newest(space, name)
    made = write_evidence(space, name, number, target, offline=offline)
    output.result(made, [f"{name} {number}: {len(made.files)} files, digest {digest_of(made)[:12]}", f"  {target}"])
    for path, why in made.absent.items():
        output.hint(f"absent: {path}: {why}")


def _newest(space: Workspace, name: str) -> int:
    versions = space.registry.list_versions(name)
    if not versions:
        raise NotFoundError(f"model {name!r} has no version yet", hint="runward model register NAME RUN")
    return max(one.version for one in versions)
