"""A person all over a workspace: wherever it can hold a name, this one stands."""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

import msgspec

from runward.core.ids import MemberId
from runward.data.model import FileItem, Manifest, NewDatasetVersion
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor, NewMember, NewToken
from runward.governance.scopes import member_by_name
from runward.governance.signin import new_link
from runward.insights.model import Block, NewReport
from runward.knowledge.model import NewPage
from runward.registry.model import NewModel, NewVersion
from runward.repro.records import NewVerification
from runward.review.model import NewReview, Proposal, Standards
from runward.testing.worlds import batch
from runward.tracking.model import (
    CapturePart,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    OutputChunk,
    RunEnd,
    RunParam,
    RunStatus,
)
from runward.tracking.organise_model import NewComment, NewView
from runward.workspace import FolderWorkspace

NAME = "zoltanquirke"
DISPLAY = 'Zoltán "Zolt" Quirke-Müller'
EMAIL = "z.quirke@example.org"
LOGIN = "zq77x"
SUBJECT = "idp-subject-4711-zq"
WORDS = [NAME, DISPLAY, EMAIL, LOGIN, SUBJECT]
PROJECT = f"vision/{NAME}"
HOME = f"/home/{LOGIN}/work"


class Planted(NamedTuple):
    """What was made, and in whose hands the workspace is."""

    owner: FolderWorkspace
    second: FolderWorkspace
    person: FolderWorkspace
    member_id: str
    run: str
    others_run: str
    review: str
    files: dict[str, str]
    """Digests of the files that name the person, by what they are."""


def enter(space: FolderWorkspace, name: str, address: str = "") -> FolderWorkspace:
    """The workspace in the hands of a member who proved who they are."""
    with space.dispatcher.database.transaction(write=False) as tx:
        member = member_by_name(tx, name)
    assert member is not None
    return space.as_member(Actor(MemberId(member), name, verified=True, via="session", address=address))


def plant(dispatcher: Dispatcher, owner: FolderWorkspace) -> Planted:
    """Let a person work, and be worked with."""
    for name in ("second", "ben"):
        owner.governance.create_member(NewMember(name, role="admin", team="*"))
    owner.governance.create_member(NewMember(NAME, role="maintainer", team="*", display_name=DISPLAY, email=EMAIL))
    owner.governance.connect_member(NAME, "https://id.example.org", SUBJECT)
    second, ben, person = enter(owner, "second"), enter(owner, "ben"), enter(owner, NAME, "203.0.113.77")
    new_link(dispatcher.database, person.actor.member_id)
    person.governance.create_token(NewToken(name=f"laptop of {NAME}"))
    person.tracking.create_project(NewProject(path=PROJECT, description=f"where {DISPLAY} works"))
    run, files = _run(person)
    review = person.review.request_review(
        NewReview(run_id=run, title=f"By {NAME}", description=f"ask {EMAIL}", reviewers=["second"])
    ).review.id
    second.review.comment(review, f"@{NAME}: is this yours?")
    second.review.approve(review, comment=f"well done, {NAME}")
    person.repro.record(
        run, NewVerification("reproduced", "environment", f"on {LOGIN}-laptop", {}, 1.5, f"{LOGIN}-host")
    )
    others_run = _talk(person, ben, run)
    _elsewhere(person, ben, run)
    return Planted(owner, second, person, person.actor.member_id, run, others_run, review, files)


def _run(person: FolderWorkspace) -> tuple[str, dict[str, str]]:
    made = person.tracking.create_experiment(
        NewExperiment(PROJECT, f"{NAME}-exp", f"of {DISPLAY}", {"by": DISPLAY, "n": 1})
    )
    run = person.tracking.create_run(
        NewRun(
            project=PROJECT,
            name=f"try of {NAME}",
            experiment_id=made.id,
            params=[RunParam("lr", 0.1), RunParam(f"{NAME}.root", f"{HOME}/data"), RunParam("who", {"name": DISPLAY})],
            tags={"mlflow.user": NAME, f"of/{LOGIN}": "1"},
        )
    ).id
    encoded = base64.b64encode(f"xx{DISPLAY}yy".encode()).decode()
    told = msgspec.structs.replace(
        batch(0, {"acc": [(0, 0.5), (1, 0.9)], f"{NAME}/loss": [(0, 1.0), (1, 0.5)]}),
        output=[OutputChunk("stdout", f"reading {HOME}/x.csv\nby {json.dumps(DISPLAY)} {encoded}\n", 1.0)],
    )
    person.tracking.append(run, told)
    texts = {
        "notes": f"# Notes of {DISPLAY}\nsee {EMAIL}, {HOME}\n".encode(),
        "config": json.dumps({"author": DISPLAY, "token": encoded}).encode(),
        "windows": f"owner: {DISPLAY}".encode("utf-16"),
        "model": b"\x80\x02\x00\xff" + NAME.encode() + bytes(range(256)) * 100,
        "picture": b"\x89PNG\x00\xff" + EMAIL.encode() + b"\x00" * 40,
        "train.py": f"# by {DISPLAY}\nprint(1)\n".encode(),
    }
    files = {name: person.files.put_bytes(PROJECT, data) for name, data in texts.items()}
    for name in ("notes", "config", "windows", "model", "picture"):
        person.tracking.add_artifact(run, NewArtifact(f"out/{name}", files[name]))
    documents = {
        "code": {
            "kind": "git", "root": HOME, "branch": f"{NAME}/try", "remote": f"git@example.org:{LOGIN}/x.git",
            "files": [{"path": "train.py", "mode": "file", "size": len(texts["train.py"]), "digest": files["train.py"]}],
            "digest": "0" * 64, "changed": ["train.py"],
        },
        "process": {"argv": ["python", f"{HOME}/train.py"], "cwd": HOME, "entry": "train.py"},
        "machine": {"hostname": f"{LOGIN}-laptop", "os": "Linux", "cpus": 4},
        "reads": {"reads": [{"path": f"{HOME}/notes", "digest": files["notes"], "size": len(texts["notes"]), "kept": True}]},
        "environment": {"python": "3.12", "prefix": f"{HOME}/.venv", "packages": []},
    }  # fmt: skip
    parts = [
        CapturePart(kind, person.files.put_bytes(PROJECT, msgspec.json.encode(document)), {"where": HOME})  # type: ignore[arg-type]
        for kind, document in documents.items()
    ]
    person.tracking.put_captures(run, parts)
    person.tracking.end_run(run, RunEnd(RunStatus.FINISHED))
    return run, dict[str, str](files)


def _talk(person: FolderWorkspace, ben: FolderWorkspace, run: str) -> str:
    first = ben.organise.add_comment(run, NewComment(f"@{NAME} what of {DISPLAY}'s data?"))
    person.organise.add_comment(run, NewComment("mine", thread_id=first.id))
    ben.organise.edit_comment(first.id, f"@{NAME}: and {EMAIL}?", first.version)
    others = ben.tracking.create_run(
        NewRun(project="vision", name=f"again, after {NAME}", params=[RunParam("lr", 0.2)])
    )
    ben.tracking.end_run(others.id, RunEnd(RunStatus.FINISHED))
    person.organise.set_pin(others.id)
    person.organise.set_favourite("vision")
    person.organise.save_view(NewView("vision", f"{NAME}'s view", where=f'created_by = "{NAME}"'))
    return others.id


def _elsewhere(person: FolderWorkspace, ben: FolderWorkspace, run: str) -> None:
    person.knowledge.publish(NewPage(title=f"How {NAME} does it", body=f"By {DISPLAY} <{EMAIL}>", tags=["x"]))
    ben.review.propose("vision", Proposal(page=NewPage(title="Rules", body=f"Ask {DISPLAY} first."), title="Rules"))
    person.review.propose("vision", Proposal(standards=Standards(), title=f"Standards of {NAME}"))
    report = person.reports.create_report(
        NewReport("vision", f"Report of {NAME}", [Block("text", text=f"{DISPLAY} found"), Block("runs", run_ids=[run])])
    )
    person.reports.pin_report(report.id)
    person.reports.share_report(report.id)
    model = person.registry.create_model(NewModel(f"{NAME}-net", description=f"of {DISPLAY}"))
    person.registry.create_version(model.name, NewVersion(source=f"{HOME}/net", run_id=run, description=NAME))
    item = person.files.put_bytes("vision", f"a,b\n1,{EMAIL}\n".encode())
    manifest = Manifest(files=[FileItem(path=f"{LOGIN}/table.csv", size=len(f"a,b\n1,{EMAIL}\n"), digest=item)])
    digest = person.files.put_bytes("vision", manifest.encoded())
    person.data.add_version(NewDatasetVersion(project="vision", dataset="d", manifest=digest, note=f"from {NAME}"))
    ben.governance.list_members()
    # The index knows what was found.
    assert ben.knowledge.search(NAME).hits
