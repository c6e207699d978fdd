"""What a team owns: one object of every kind, all of whose names hold a word that nobody else may see."""

from __future__ import annotations

import msgspec

from runward.coordination.hooks_model import NewHook
from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.data.model import FileItem, Manifest, NewDatasetVersion
from runward.governance.model import NewMember
from runward.insights.model import Block, NewReport
from runward.knowledge.libraries_model import NewRelease
from runward.knowledge.model import NewPage
from runward.privacy.model import NewErasure, NewHold
from runward.registry.model import NewModel, NewVersion
from runward.repro.findings_model import NewExplanation
from runward.repro.jobs_model import NewVerificationJob
from runward.repro.records import NewVerification
from runward.review.forges.model import NewForge
from runward.review.model import MetricRule, NewReview, Proposal, Standards
from runward.testing.findings import shown
from runward.testing.worlds import batch
from runward.tracking.capture.model import EnvironmentSnapshot
from runward.tracking.media import TABLE_TYPE
from runward.tracking.model import (
    CapturePart,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    Run,
    RunEnd,
    RunParam,
    RunStatus,
)
from runward.tracking.organise_model import NewBaseline, NewComment, NewView
from runward.workspace import FolderWorkspace, Workspace

COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
TABLE = b"city,size\nOslo,1\n"
CHECK = "acc >= 0.99"


class Estate:
    """The objects of one team: ``author`` makes them, ``owner`` does what only an admin can."""

    def __init__(self, owner: Workspace, author: Workspace, team: str, word: str) -> None:
        self.owner, self.author, self.team, self.word = owner, author, team, word
        self.project = author.tracking.create_project(NewProject(path=word, team=team, description=word)).path
        self.gone_project = self._deleted_project()
        self.experiment = author.tracking.create_experiment(NewExperiment(self.project, f"{word} sweep")).id
        self.digest = author.files.put_bytes(self.project, self._bytes("artifact"))
        self.running = self._run("running")
        self.run, self.second, self.base = (self._finished(name) for name in ("run", "second", "base"))
        self.gone_run = self._deleted_run()
        owner.organise.set_baseline(self.project, NewBaseline(run_ids=[self.base]))
        self.view = author.organise.save_view(NewView(self.project, f"{word} view")).id
        self.comment = author.organise.add_comment(self.run, NewComment(f"{word} remark")).id
        self._make_data()
        self._make_verifications()
        self._make_pages()
        self._make_models()
        self._make_reviews()
        self._make_reports()
        self._make_hooks()
        self._make_privacy()

    def _bytes(self, name: str) -> bytes:
        return f"# {self.word} {name}\n".encode()

    def _deleted_project(self) -> str:
        made = self.owner.tracking.create_project(NewProject(path=f"{self.word}/old"))
        self.owner.organise.delete_project(made.path)
        return made.id

    def _run(self, name: str, acc: float = 0.9) -> str:
        word, author = self.word, self.author
        new = NewRun(project=self.project, name=f"{word} {name}", purpose=word, params=[RunParam("lr", 0.1)])
        run_id = author.tracking.create_run(new).id
        author.tracking.append(run_id, batch(0, {"acc": [(0, acc)]}))
        author.tracking.add_artifact(run_id, NewArtifact("notes.txt", self.digest))
        return run_id

    def _finished(self, name: str, acc: float = 0.9) -> str:
        run_id, author = self._run(name, acc), self.author
        lock = author.files.put_bytes(self.project, b"numpy==1.0\n")
        code = author.files.put_bytes(self.project, self._bytes("code"))
        files = [
            {"path": "uv.lock", "digest": lock, "size": 11, "mode": "file"},
            {"path": "train.py", "digest": code, "size": len(self._bytes("code")), "mode": "file"},
        ]
        tree = author.files.put_bytes(self.project, msgspec.json.encode({"files": files}))
        summary = {"commit": COMMIT, "branch": self.word, "digest": "tree"}
        packages = EnvironmentSnapshot(
            python="3.12",
            implementation="CPython",
            executable="",
            prefix="",
            platform="Linux",
            libraries=[],
            variables={},
            packages=[],
            digest=self.word,
        )
        environment = author.files.put_bytes(self.project, msgspec.json.encode(packages))
        parts = [CapturePart("code", tree, summary), CapturePart("environment", environment, {"python": "3.12"})]
        author.tracking.put_captures(run_id, parts)
        author.tracking.end_run(run_id, RunEnd(RunStatus.FINISHED))
        return run_id

    def _deleted_run(self) -> str:
        run_id = self._finished("deleted")
        self.owner.tracking.delete_run(run_id)
        return run_id

    def shown(self, run_id: str) -> Run:
        """A run as it is now."""
        return self.owner.tracking.get_run(run_id).run

    def _make_data(self) -> None:
        author, versions = self.author, []
        for extra in (b"", b"Rome,2\n"):
            table = TABLE + extra
            manifest = Manifest(files=[FileItem("cities.csv", len(table), digest_bytes(table))])
            author.files.put_files(self.project, {digest_bytes(table): table, manifest.digest: manifest.encoded()})
            new = NewDatasetVersion(
                project=self.project, dataset=f"{self.word}-cities", manifest=manifest.digest, note=self.word
            )
            versions.append(author.data.add_version(new).digest)
        self.old_version, self.version = versions
        self.dataset = f"{self.project}:{self.word}-cities"
        self.data_digest: Digest = digest_bytes(TABLE)

    def _make_verifications(self) -> None:
        passed = NewVerification("reproduced", "environment", f"{self.word} agrees", {}, 1.0, "host")
        self.verification = self.author.repro.record(self.run, passed).verification.id
        made = self.author.findings.record_explanation(self.run, self.explanation_of())
        self.explanation = made.explanation.id
        self.queued = self.author.jobs.request_verification(self.run, NewVerificationJob("basic")).id
        self.author.jobs.request_verification(self.second, NewVerificationJob("basic", pool=self.word))
        taken = self.author.jobs.claim_verification_job("worker", self.word)
        assert taken is not None
        self.taken, self.claim = taken.job.id, taken.claim

    def explanation_of(self) -> NewExplanation:
        """Why the two runs differ."""
        return NewExplanation(shown(self.run, self.second), 1.0, "host")

    def _make_pages(self) -> None:
        self.page = self.author.knowledge.publish(NewPage(team=self.team, title=f"{self.word} page", body="x")).id
        self.library = f"{self.word}/base"
        for version in ("1.0.0", "1.0.1"):
            self.author.libraries.publish(
                NewRelease(name=self.library, version=version, document={"v": version}, team=self.team)
            )

    def _make_models(self) -> None:
        registry = self.author.registry
        self.model = registry.create_model(NewModel(f"{self.word}-model", self.team)).name
        self.model_runs = [self._finished(f"model {n}") for n in (1, 2)]
        for run_id in self.model_runs:
            registry.create_version(self.model, NewVersion(f"runs:/{run_id}/model", run_id))
        self.spare_model = registry.create_model(NewModel(f"{self.word}-spare", self.team)).name
        registry.set_alias(self.model, "candidate", 1)
        self.owner.registry.protect_model(self.model, ["production"], self.project)
        registry.record_handoff(self.model, 1, self.digest)
        for number in (1, 2):
            new = NewReview(self.model_runs[number - 1], model=self.model, version=number, alias="production")
            review = self.author.review.request_review(new).review
            self.owner.review.approve(review.id, review.revision)

    def _make_reviews(self) -> None:
        review, word = self.author.review, self.word
        self.owner.review.set_standards(self.project, Standards(name=word, apply_by_hand=True))
        self.approved = review.request_review(
            NewReview(self._finished("agreed", 0.999), title=f"{word} agreed")
        ).review.id
        self.owner.review.approve(self.approved)
        rule = MetricRule("acc", ">=", 0.99)
        self.owner.review.set_standards(self.project, Standards(name=word, thresholds=[rule], apply_by_hand=True))
        self.review = review.request_review(NewReview(self.run, title=f"{word} result")).review.id
        self.revision = review.get_review(self.review).review.revision
        self.thread = review.comment(self.review, f"{word} said", "metrics.acc").comments[-1].id
        self.draft = review.request_review(NewReview(self.second, title=word, draft=True)).review.id
        page = NewPage(team=self.team, title=f"{word} proposed", body="y")
        self.proposal = review.propose(self.project, Proposal(page=page)).review.id

    def _make_reports(self) -> None:
        reports = self.author.reports
        self.report = reports.create_report(
            NewReport(self.project, f"{self.word} report", [Block("text", text="x")])
        ).id
        self.gone_report = reports.create_report(NewReport(self.project, f"{self.word} old report")).id
        reports.delete_report(self.gone_report)
        shared = self.owner.reports.share_report(self.report)
        self.link, self.shared = shared.link.id, shared.path

    def _make_hooks(self) -> None:
        url = f"https://127.0.0.1/{self.word}"
        self.hook = self.owner.hooks.create_project_hook(self.project, NewHook(url)).hook.id
        self.delivery = self.owner.hooks.send_test(self.hook).id
        self.owner.forges.set_forge(self.project, NewForge("github", f"octo/{self.word}", "t", url))

    def _make_privacy(self) -> None:
        """A request to erase somebody, one that waits for a decision, a rule, a hold, and what a rule took."""
        privacy, leavers = self.owner.privacy, [f"leaver-{number}-{self.word}" for number in (1, 2)]
        for name in leavers:
            self.owner.governance.create_member(NewMember(name, team=self.team))
        self.erasure, self.waiting = (privacy.request_erasure(NewErasure(name, "left")).id for name in leavers)
        assert isinstance(self.owner, FolderWorkspace)
        with self.owner.dispatcher.database.transaction(write=True) as tx:
            tx.execute("UPDATE erasures SET state = 'waiting' WHERE id = ?", (self.waiting,))
        self.stripped = self._run("stripped")
        table = self.author.files.put_bytes(self.project, self._bytes("table"))
        self.author.tracking.add_artifact(self.stripped, NewArtifact("media/t.json", table, TABLE_TYPE))
        self.author.tracking.end_run(self.stripped, RunEnd(RunStatus.FINISHED))
        privacy.set_retention(self.project, "tables", 0)
        privacy.apply_retention()
        privacy.remove_retention(self.project, "tables")
        privacy.set_retention(self.project, "logs", 36_000)
        held = self.owner.tracking.create_project(NewProject(path=f"{self.word}-held", team=self.team)).path
        self.hold = privacy.set_hold(NewHold("case", project=held)).id
