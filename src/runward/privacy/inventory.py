"""Every column of every table and every kind of stored document, classified once: what is personal, and how it is forgotten.

Export and erasure both read this table, so what stands here is what they do. A test fails when the schema has a column that
nobody classified; ``docs/personal-data.md`` is made of it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["plain", "member", "name", "text", "own", "secret", "packed", "digest", "sealed", "signed"]
KINDS: Final[dict[Kind, tuple[str, str, str]]] = {
    "plain": ("says nothing about a person", "in rows that are exported for another column", "stays"),
    "member": ("the id of a member", "the row", "stays: it leads to a pseudonym"),
    "name": ("the name of a member", "the row", "becomes the pseudonym"),
    "text": ("written or recorded freely, so it may name somebody", "the row, where it names them", "the name in it "
             "becomes the pseudonym"),
    "own": ("describes the member", "the row", "is overwritten or goes with the row"),
    "secret": ("lets somebody in", "never", "goes with the row"),
    "packed": ("compressed text", "through the columns that it was made of", "is written anew"),
    "digest": ("digest of content", "the row, where it is exported for another column", "follows the content that was "
               "written anew"),
    "signed": ("a certificate", "the row, where it names them", "is stated and signed again"),
    "sealed": ("encrypted under the member's key", "decrypted", "cannot be read once the key is destroyed"),
}  # fmt: skip
"""Of each kind: what it is, whether an export has it, and what an erasure does with it."""


class Table(NamedTuple):
    """A table's columns by kind."""

    what: str
    columns: dict[str, Kind]
    owner: str = ""
    """The column with the member whose rows go when they are erased."""
    content: bool = False
    """Whether its text is part of the content of runs, which approvals and certificates are bound to."""


def _table(what: str, owner: str = "", content: bool = False, **columns: str) -> Table:
    named = {column: kind for kind, names in columns.items() for column in names.split()}
    return Table(what, named, owner, content)  # type: ignore[arg-type]


TABLES: Final[dict[str, Table]] = {
    # governance -----------------------------------------------------------------------------------------------------
    "workspace": _table("the workspace's own facts", plain="key", text="value"),
    "teams": _table("teams", plain="id created_at", text="name"),
    "members": _table(
        "accounts", plain="kind credential_version created_at disabled_at last_seen_at", member="id", name="name",
        own="display_name email", secret="password_hash"),
    "grants": _table("roles", owner="member_id", plain="scope_kind scope_id role source", member="member_id"),
    "verb_grants": _table("single permissions", owner="member_id", plain="scope_kind scope_id verb", member="member_id"),
    "grant_changes": _table(
        "who was given what, by id", plain="seq at scope_kind scope_id what level source", member="member_id"),
    "tokens": _table(
        "tokens", owner="member_id", plain="id role_cap created_at expires_at last_used_at revoked_at scope_kind scope_id "
        "verbs", member="member_id", text="name", own="prefix", secret="hash"),
    "secrets": _table(
        "sessions and one-time links", owner="member_id", plain="kind credential_version created_at expires_at used_at",
        member="member_id", own="via", secret="hash"),
    "identities": _table(
        "who the sign-in provider says a member is", owner="member_id", plain="created_at last_used_at",
        member="member_id", own="issuer subject"),
    "sign_ins": _table(
        "sign-ins under way", owner="member_id", plain="credential_version expires_at next", member="member_id",
        secret="state browser nonce verifier"),
    "logins": _table(
        "command lines that wait to be let in", owner="member_id", plain="created_at expires_at credential_version",
        member="member_id", text="label", own="address", secret="device code"),
    "tries": _table("wrong passwords, counted without a name", plain="bucket began_at count"),
    "audit_events": _table(
        "the audit trail", plain="id at operation object_kind outcome lane seq via", member="actor_id", name="actor",
        text="object_id", own="address salt", sealed="sealed", digest="hash person redaction"),
    "audit_heads": _table("the ends of the trail's chains", plain="lane seq key_id", digest="hash mac"),
    "events": _table(
        "what happened, for inboxes, streams and the search", plain="id at kind object_kind object_id project_id team_id",
        name="actor", text="data"),
    # tracking -------------------------------------------------------------------------------------------------------
    "projects": _table(
        "projects", plain="id team_id parent_id created_at deleted_at archived_at", name="created_by",
        text="path name description"),
    "project_paths": _table("where projects lay before", plain="project_id at", text="path"),
    "favourites": _table("favourite projects", owner="member_id", plain="project_id", member="member_id"),
    "experiments": _table(
        "experiments", plain="id project_id status metadata_version created_at ended_at", name="created_by",
        text="name description metadata plan"),
    "experiment_metadata": _table(
        "what was said of experiments, in versions", plain="experiment_id version at", name="author", text="metadata"),
    "metadata_values": _table("the same, for the search", plain="experiment_id number", text="key value"),
    "runs": _table(
        "runs", plain="id project_id experiment_id status created_at started_at ended_at exit_code seed dirty "
        "revision deleted_at tail archived_at tabled carded peak_memory_bytes cpu_s peak_gpu_memory_bytes gpu_percent "
        "git_commit rerun_of", member="creator_id", name="created_by", text="name purpose error git_branch",
        digest="fingerprint"),
    "params": _table("parameters of runs", content=True, plain="run_id number", text="key value origin"),
    "tags": _table("tags of runs", plain="run_id", text="key value"),
    "metrics": _table(
        "summaries of metrics", content=True, plain="run_id n last last_step minimum maximum", text="key"),
    "journals": _table("how far journals are stored", plain="run_id next_frame", text="client"),
    "segments": _table("points of metrics", plain="id run_id first_frame points", text="client", packed="data"),
    "blocks": _table("points of metrics, folded", plain="id run_id points", packed="head"),
    "block_pages": _table("pages of points: numbers only", plain="block_id page data"),
    "run_cards": _table("values of runs, for lists", plain="run_id", packed="data"),
    "run_keys": _table("the names of values", plain="project_id kind", text="key"),
    "outputs": _table("what runs printed", plain="id run_id stream at", text="text"),
    "blobs": _table("which project uploaded which bytes", plain="project_id size created_at", digest="digest"),
    "artifacts": _table(
        "files of runs", content=True, plain="run_id size media_type created_at", text="path", digest="digest"),
    "captures": _table(
        "what was recorded of how runs came to be", content=True, plain="run_id kind", text="summary", digest="digest"),
    "marks": _table("what was found out about runs", plain="run_id kind ref at", digest="label"),
    "package_sets": _table("environments as sets of packages", plain="id listed", text="lock", digest="digest"),
    "packages": _table("packages", plain="set_id key", text="value place"),
    "run_packages": _table("which run had which packages", plain="run_id kind set_id"),
    "run_reads": _table("which run read which file", plain="run_id", text="path", digest="digest"),
    "baselines": _table("baselines", plain="project_id run_ids at", name="author", text="condition"),
    "pins": _table("pinned runs", plain="project_id run_id at", name="author"),
    "saved_views": _table("saved views", plain="id project_id at", name="author", text="name document"),
    "comments": _table(
        "comments on runs", plain="id run_id thread_id at version removed_at edited_at resolved_at", member="author_id",
        name="author removed_by resolved_by", text="body anchor"),
    "comment_versions": _table("comments as they were", plain="comment_id version at", name="author", text="body"),
    # registry and data ----------------------------------------------------------------------------------------------
    "models": _table(
        "models", plain="id team_id next_version created_at updated_at project_id", name="created_by",
        text="name description protected"),
    "model_versions": _table(
        "versions of models", plain="model_id version run_id logged_model_id stage created_at updated_at",
        name="created_by", text="source description signature input_example expected_output"),
    "model_aliases": _table("aliases of models", plain="model_id version", text="alias"),
    "model_tags": _table("tags of models", plain="model_id version", text="key value"),
    "model_cards": _table("model cards", plain="model_id version number at", name="author", text="fields"),
    "version_files": _table("files of versions", plain="model_id version size format", text="path", digest="digest"),
    "alias_moves": _table(
        "how aliases moved", plain="id model_id version previous how review_id at", member="author_id", name="author",
        text="alias reason evidence"),
    "deployments": _table(
        "deployments", plain="id model_id version state reviewed at", member="author_id", name="author",
        text="target alias url note warnings evidence"),
    "handoffs": _table(
        "models that were handed over", plain="id model_id version at accepted_at", name="author accepted_by",
        text="note", digest="digest"),
    "documents": _table(
        "documents of other tools' protocols", plain="kind id project_id run_id version status at", text="name body"),
    "stored_files": _table("files with a name in a project", plain="project_id size created_at", text="path",
                           digest="digest"),
    "datasets": _table(
        "datasets", plain="id project_id created_at updated_at spanned", name="created_by", text="name description"),
    "dataset_versions": _table(
        "versions of datasets", plain="id dataset_id parent_id files bytes created_at number", name="created_by",
        text="note summary dictionary", digest="digest"),
    "dataset_names": _table("names of versions", plain="dataset_id version_id set_at", name="set_by", text="name"),
    "dataset_spans": _table("which version holds which file", plain="dataset_id first past", digest="digest"),
    "labels": _table("labels", plain="object_kind object_id label released set_at", name="set_by", text="reason"),
    "kept_labels": _table("labels of contents", plain="id team_id label object_kind object_id at", digest="digest"),
    "dataset_terms": _table("terms of datasets", plain="dataset_id set_at", name="set_by", text="terms"),
    # reproduction ---------------------------------------------------------------------------------------------------
    "verifications": _table(
        "verifications", plain="id run_id verdict level at duration_s attempted", name="author",
        text="reason report host", signed="certificate", digest="digest"),
    "verification_jobs": _table(
        "verifications that wait or had a worker", plain="id run_id level state cause requested_at claim claimed_at "
        "lease_until attempts ended_at verification_id", name="requested_by", text="options pool worker host reason"),
    "verification_policies": _table("what is verified by itself", plain="project_id at", name="author", text="policy"),
    "explanations": _table(
        "what makes two runs differ", plain="id first_id second_id answer at duration_s", name="author",
        text="reason report host", digest="first_digest second_digest"),
    # review ---------------------------------------------------------------------------------------------------------
    "standards": _table("standards", plain="project_id version at", name="author", text="document"),
    "gate_reports": _table("gates", plain="run_id passed at", text="results", digest="digest"),
    "reviews": _table(
        "reviews", plain="id number state created_at updated_at model_id version run_id proposes object_id project_id "
        "base_id overridden", member="author_id editor_id", name="author",
        text="title description reviewers alias proposal ending"),
    "review_checks": _table("what checks said", plain="review_id at", text="results", digest="digest"),
    "review_comments": _table(
        "talk in reviews", plain="id review_id at thread resolved_at", member="author_id", name="author resolved_by",
        text="body anchor place"),
    "review_revisions": _table(
        "revisions of reviews", plain="review_id run_id version git_commit at", name="author",
        text="metrics", digest="digest parts"),
    "review_runs": _table("further runs of reviews", plain="review_id run_id"),
    "review_traits": _table("what rejected changes touched", plain="review_id", name="decided_by", text="traits reason"),
    "rejected_traits": _table("the same, for the search", plain="project_id review_id", text="trait"),
    "review_views": _table(
        "what members have seen of a review", owner="member_id", plain="review_id remark at", member="member_id",
        digest="digest"),
    "review_waivers": _table(
        "waived checks", plain="review_id at", name="author", text="name reason", digest="digest"),
    "votes": _table("votes", plain="review_id verdict at", member="member_id", name="member", text="comment",
                    digest="digest"),
    "ci_results": _table(
        "results of CI", plain="run_id verdict at", member="author_id", name="author", text="name message url evidence",
        digest="digest"),
    # knowledge and reports ------------------------------------------------------------------------------------------
    "pages": _table(
        "pages", plain="id team_id kind version created_at updated_at review_by", name="owner",
        text="repository title document"),
    "page_versions": _table(
        "pages as they were", plain="page_id version at review_id", name="author", text="title document"),
    "library_items": _table(
        "shared libraries", plain="id team_id kind created_at updated_at", member="owner_id", name="owner", text="name"),
    "library_versions": _table(
        "versions of shared libraries", plain="item_id major minor patch at", name="author", text="document docs notes"),
    "reports": _table(
        "reports", plain="id project_id version created_at updated_at deleted_at pinned_at pinned_version",
        member="author_id", name="author updated_by pinned_by", text="title blocks", digest="digest"),
    "report_pins": _table("pinned reports", plain="report_id", packed="content", digest="files"),
    "report_links": _table(
        "links to reports", plain="id report_id created_at expires_at revoked_at", member="author_id", name="author",
        secret="secret_hash"),
    # coordination ---------------------------------------------------------------------------------------------------
    "notifications": _table(
        "inboxes", owner="member_id", plain="id at kind object_kind object_id read_at", member="member_id", name="actor",
        text="title body"),
    "web_hooks": _table(
        "web hooks", plain="id team_id project_id events active created_at", name="author", text="url", secret="secret"),
    "deliveries": _table(
        "what was or is to be sent", plain="id target target_id kind state attempts created_at next_at expires_at status "
        "tried_at", text="body said"),
    "forges": _table("forges", plain="project_id kind at", name="author", text="repository api_url",
                     secret="token secret"),
    "forge_pulls": _table("pull requests", plain="project_id number head at"),
    # privacy --------------------------------------------------------------------------------------------------------
    "erasures": _table(
        "erasures", plain="id pseudonym state requested_at confirmed_at control phase place counts ended_at "
        "waits_for certificate", member="member_id requested_by confirmed_by", own="words", text="reason decisions"),
    "erasure_moves": _table("what an erasure wrote anew", plain="erasure_id size", digest="old new"),
    "retention_rules": _table("rules of retention", plain="project_id kind after_us results at", member="author_id",
                              name="author"),
    "holds": _table(
        "legal holds", plain="id object_kind object_id at lifted_at", member="author_id", name="author lifted_by",
        text="reason lifted_reason"),
    "set_aside": _table("what a rule put aside", plain="run_id kind size at", text="name row", digest="digest"),
    "keys": _table("keys, wrapped", plain="id kind version wrapped_by created_at destroyed_at", member="owner_id",
                   secret="wrapped"),
    "schema_version": _table("the format", plain="version"),
}  # fmt: skip
"""Every table of the schema."""


class Stored(NamedTuple):
    """A kind of thing that is kept outside of the database."""

    what: str
    export: str
    forget: str


STORED: Final[dict[str, Stored]] = {
    "capture:code": Stored("paths, branch and remote of the code", "listed", "written anew"),
    "capture:environment": Stored("paths of Python and packages, variables", "listed", "written anew"),
    "capture:machine": Stored("the name of the machine", "listed", "written anew"),
    "capture:process": Stored("command line and working folder", "listed", "written anew"),
    "capture:pylock": Stored("packages", "listed", "written anew"),
    "capture:reads": Stored("paths of files that were read", "listed", "written anew"),
    "capture:spec": Stored("how a task was started", "listed", "written anew"),
    "manifest": Stored("paths of a dataset's files", "listed", "written anew"),
    "file": Stored("files: code, artifacts, data, models, media", "listed, with those who read them", "listed; who confirms "
                   "decides for each: write the name anew (text), delete, or keep with a reason"),
    "table": Stored("points as Parquet", "no: numbers", "written anew where the name of a metric names somebody"),
    "index": Stored("the search index of each node", "no: made of the rows", "made anew"),
    "journal": Stored("what a client has not uploaded yet, on its machine", "no", "stays on that machine"),
    "spool": Stored("bytes on the way to object storage", "no", "gone after an hour"),
    "checkpoint": Stored("ends of the audit trail's chains: digests", "no", "stays"),
    "ledger": Stored("erasures: ids and pseudonyms", "no", "stays: restored backups are made to follow it"),
    "log": Stored("what the server prints", "no", "names nobody but by the id of a member, or the one that a sign-in provider gave; it is yours "
                  "to keep or rotate"),
    "backup": Stored("copies of all this", "no", "rows under a person's key cannot be read once the period of its key is "
                     "over; a restored backup is made to follow the ledger"),
}  # fmt: skip
"""Every kind of stored document and file."""


def columns_of(kind: Kind) -> list[tuple[str, str]]:
    """(table, column) of all columns of a kind."""
    return [(name, column) for name, table in TABLES.items() for column, of in table.columns.items() if of == kind]
