"""``runward model show`` and ``register``: what a version is, and how one is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from runward.cli.models import told, when
from runward.cli.output import Output, pass_output, with_json
from runward.errors import InvalidError, NotFoundError
from runward.face import current_workspace
from runward.registry.model import ModelVersion, NewModel, NewVersion, Signature, TensorField
from runward.registry.version_model import ModelFile, VersionDetail
from runward.workspace import Workspace

_MAX_EXAMPLE = 400
_UNITS = ("B", "kB", "MB", "GB")


def find_version(space: Workspace, name: str, reference: str) -> int:
    """The number of a version by number or alias. Raises: NotFoundError."""
    if reference.isdigit():
        return int(reference)
    found = space.registry.get_model(name).aliases.get(reference)
    if found is None:
        raise NotFoundError(f"model {name!r} has no alias {reference!r}", hint=f"runward model show {name}")
    return found


@click.command("show")
@click.argument("name")
@click.argument("version", required=False)
@with_json
@pass_output
def show(output: Output, name: str, version: str | None) -> None:
    """A model's versions; with VERSION (a number or an alias) all that is known of that one.

    Its run, code, data and environment, its files with their formats, what it takes and gives, its card, its reviews.
    """
    space = current_workspace()
    if version is None:
        _show_model(output, space, name)
        return
    found = space.registry.get_version(name, find_version(space, name, version))
    data = _data_behind(space, found)
    if output.json:
        output.result({**msgspec.to_builtins(found), "data": data})
        return
    output.result(found, list(_lines(found, data)))


def _show_model(output: Output, space: Workspace, name: str) -> None:
    found, versions = space.registry.get_model(name), space.registry.list_versions(name)
    columns = ["version", "aliases", "run", "source", "by", "registered"]
    rows = [[v.version, ", ".join(v.aliases), v.run_id, v.source, v.created_by, when(v.created_at)] for v in versions]
    output.table(
        {"model": found, "versions": versions},
        columns,
        rows,
        f"protected: {', '.join(found.protected) or 'no alias'}; reviews follow the standards of {found.project or 'no project yet'}",
    )


def _data_behind(space: Workspace, found: VersionDetail) -> list[dict[str, str]]:
    """The versions of datasets that its run read, or that what it read was made from."""
    if not found.project:
        return []
    drawn = space.data.lineage(found.project, f"model:{found.version.model}/{found.version.version}")
    return [{"title": node.title, "ref": node.ref} for node in drawn.nodes if node.kind == "dataset"]


def _lines(found: VersionDetail, data: list[dict[str, str]]) -> Iterator[str]:
    version, evidence = found.version, found.evidence
    aliases = f"  ({', '.join(version.aliases)})" if version.aliases else ""
    yield f"{version.model} {version.version}{aliases}"
    yield f"  registered {when(version.created_at)} by {version.created_by}"
    if evidence.run_id:
        yield f"  run         {evidence.run_name} ({evidence.run_id}) in {found.project}, content {evidence.revision[:12]}"
        yield f"  code        {_code(found.code)}"
        yield f"  data        {', '.join(item['title'] for item in data) or 'none that the workspace knows'}"
        yield f"  environment {_environment(found.environment)}; runward env lock {evidence.run_id}"
        verified = f"level {evidence.level} ({evidence.verification})" if evidence.level else "not verified"
        yield f"  reproduced  {verified}"
    elif version.run_id:
        yield f"  run         {version.run_id} is not here: deleted (runward runs restore {version.run_id}), or of another server"
    else:
        yield "  run         none named: nothing is known of its code, data and environment"
    yield f"  card        {card_text(found.card.number, found.card.missing)}"
    for one in found.serving:
        yield f"  serves      {one.target} since {when(one.at)}{'' if one.reviewed else ', NOT REVIEWED'}"
    yield from _signature_lines(found)
    yield from _file_lines(found)
    for move in found.moves:
        yield from told(move)


def card_text(number: int, missing: list[str]) -> str:
    """Where a card stands."""
    if not number:
        return "not written"
    return f"number {number}, missing: {', '.join(missing)}" if missing else f"number {number}, complete"


def _code(code: Mapping[str, Any]) -> str:
    if not code.get("commit"):
        return "no commit known"
    state = ", with uncommitted changes" if code.get("dirty") else ""
    branch = f" on {code['branch']}" if code.get("branch") else ""
    return f"commit {str(code['commit'])[:12]}{branch}{state}"


def _environment(environment: Mapping[str, Any]) -> str:
    told = [f"Python {environment['python']}"] if environment.get("python") else []
    told += [f"{environment['packages']} packages"] if environment.get("packages") else []
    return ", ".join(told) or "not captured"


def _signature_lines(found: VersionDetail) -> Iterator[str]:
    if found.signature is not None:
        yield f"  takes       {', '.join(field_text(field) for field in found.signature.inputs) or 'not said'}"
        yield f"  gives       {', '.join(field_text(field) for field in found.signature.outputs) or 'not said'}"
    else:
        yield "  takes       not said: register it with --signature"
    if found.input_example is not None:
        yield f"  example     {json.dumps(found.input_example, ensure_ascii=False)[:_MAX_EXAMPLE]}"


def field_text(field: TensorField) -> str:
    """An input or output as people write it: ``age: int64``, ``image: float32[?, 28, 28]``."""
    shape = "" if field.shape is None else f"[{', '.join('?' if n == -1 else str(n) for n in field.shape)}]"
    optional = "" if field.required else " (optional)"
    return f"{f'{field.name}: ' if field.name else ''}{field.dtype}{shape}{optional}"


def _file_lines(found: VersionDetail) -> Iterator[str]:
    if not found.files:
        yield f"  files       none that the workspace has: {found.version.source}"
        return
    noted = "" if found.fixed else " (as they are now: none were there when it was registered)"
    yield f"  files       {len(found.files)}, {bytes_text(sum(file.size for file in found.files))}{noted}"
    for file in found.files:
        yield f"    {file.path}  {bytes_text(file.size)}  {format_text(file)}"


def format_text(file: ModelFile) -> str:
    """A file's format and what loading it does."""
    format = file.format
    if format.safety == "safe":
        return format.name
    if format.safety == "unknown":
        return f"{format.name}: {format.note or 'not known what loading it does'}"
    nothing = format.complete and not format.imports and not format.note
    does = "the format can run code on loading; this one imports nothing" if nothing else "loading it runs code"
    parts = [f"{format.name}, UNSAFE: {does}"]
    parts += [f"imports {', '.join(format.imports[:8])}" + (" …" if len(format.imports) > 8 else "")] * bool(
        format.imports
    )
    parts += [f"DANGEROUS: {', '.join(format.dangerous)}"] * bool(format.dangerous)
    return "; ".join([*parts, *([format.note] if format.note else [])])


def bytes_text(size: float) -> str:
    """A size as people read it."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


@click.command("register")
@click.argument("name")
@click.argument("run", metavar="RUN")
@click.option("--artifact", default="model", show_default=True, help="The run's artifact, or folder of artifacts.")
@click.option("--description", default="")
@click.option(
    "--signature",
    default="",
    metavar="JSON|FILE",
    help='What it takes and gives: {"inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 64]}], "outputs": […]}.',
)
@click.option("--input-example", default="", metavar="JSON|FILE", help="A few rows of input.")
@click.option("--expected-output", default="", metavar="JSON|FILE", help="What the model gives for the example.")
@with_json
@pass_output
def register(
    output: Output,
    name: str,
    run: str,
    artifact: str,
    description: str,
    signature: str,
    input_example: str,
    expected_output: str,
) -> None:
    """Add a version that a run made; a model that is not there yet is made. RUN as in `runward runs show`.

    Its files are noted as they are now. Without --signature and --input-example, those of an MLmodel among the files count.
    """
    space = current_workspace()
    told = _given("--signature", signature)
    try:
        signed = msgspec.convert(told, Signature) if told is not None else None
    except msgspec.ValidationError as error:
        raise InvalidError(f"--signature: {error}", hint='{"inputs": [{"name": "x", "dtype": "float32"}]}') from None
    example, expected = _given("--input-example", input_example), _given("--expected-output", expected_output)
    detail = space.tracking.get_run(space.tracking.resolve_run(run).id)
    paths = [one.path for one in detail.artifacts]
    if not any(path == artifact or path.startswith(f"{artifact}/") for path in paths):
        raise NotFoundError(
            f"run {detail.run.name!r} has no artifact {artifact!r}",
            hint=f"--artifact, one of: {', '.join(sorted({path.split('/')[0] for path in paths})[:8]) or '(it has none)'}",
        )
    try:
        space.registry.get_model(name)
    except NotFoundError:
        space.registry.create_model(NewModel(name))
    new = NewVersion(f"runs:/{detail.run.id}/{artifact}", detail.run.id, "", description, {}, signed, example, expected)
    made: ModelVersion = space.registry.create_version(name, new)
    output.result(made, f"{made.model} {made.version}, made by {detail.run.name}")
    for file in space.registry.get_version(name, made.version).files:
        if file.format.safety == "unsafe":
            output.say(f"{file.path}: {format_text(file)}")


def _given(option: str, text: str) -> Any:
    """JSON given as text or as a file's name; None for nothing. Raises: InvalidError."""
    if not text:
        return None
    inline = text.lstrip()[:1] in '[{"'
    try:
        return json.loads(text if inline else Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidError(
            f"{option} {text[:60]!r} cannot be read: {error}", hint="JSON, or a file with JSON"
        ) from None
