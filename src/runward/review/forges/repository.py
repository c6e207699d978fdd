"""All SQL on forges and pull requests."""

from __future__ import annotations

from typing import NamedTuple

from runward.core.ids import ReviewId
from runward.governance.scopes import Clause
from runward.review.forges.adapter import Place, Pull
from runward.review.forges.model import ForgeKind
from runward.review.model import UNDER_WAY
from runward.store.database import Tx, placeholders


class ForgeRow(NamedTuple):
    """A forge as stored."""

    project_id: str
    project: str
    kind: ForgeKind
    repository: str
    api_url: str
    token: str
    secret: str
    author: str
    at: int

    @property
    def place(self) -> Place:
        """Where it is, and what opens it."""
        return Place(self.repository, self.api_url, self.token)


_FORGE = """SELECT f.project_id, p.path, f.kind, f.repository, f.api_url, f.token, f.secret, f.author, f.at
  FROM forges f JOIN projects p ON p.id = f.project_id WHERE p.deleted_at IS NULL AND """


def forge_of(tx: Tx, projects: tuple[str, ...]) -> ForgeRow | None:
    """The first forge of some projects, in their order."""
    found = {row[0]: ForgeRow(*row) for row in tx.all(f"{_FORGE}f.project_id IN ({placeholders(projects)})", projects)}
    return next((found[project] for project in projects if project in found), None)


def store(tx: Tx, project_id: str, values: dict[str, object]) -> None:
    """Set a project's forge; keys are column names."""
    tx.execute("DELETE FROM forges WHERE project_id = ?", (project_id,))
    tx.insert("forges", {"project_id": project_id, **values})


def remove(tx: Tx, project_id: str) -> bool:
    """Forget a project's forge; False where there is none."""
    tx.execute("DELETE FROM deliveries WHERE target = 'forge' AND target_id = ?", (project_id,))
    tx.execute("DELETE FROM forge_pulls WHERE project_id = ?", (project_id,))
    return bool(tx.touched("DELETE FROM forges WHERE project_id = ?", (project_id,)))


def note_pull(tx: Tx, project_id: str, pull: Pull, now: int) -> None:
    """Keep the head of a pull request."""
    tx.execute(
        """INSERT INTO forge_pulls (project_id, number, head, at) VALUES (?, ?, ?, ?)
           ON CONFLICT (project_id, number) DO UPDATE SET head = excluded.head, at = excluded.at""",
        (project_id, pull.number, pull.head, now),
    )


def pull_of(tx: Tx, project_id: str, commit: str) -> int:
    """The newest pull request whose head a commit is; 0 where none is known."""
    # Some forges tell only the first twelve digits.
    found = tx.scalar(
        "SELECT number FROM forge_pulls WHERE project_id = ? AND head IN (?, ?) ORDER BY number DESC LIMIT 1",
        (project_id, commit, commit[:12]),
    )
    return int(found or 0)


class AtCommit(NamedTuple):
    """A review under way with the commit that it is about."""

    review_id: ReviewId
    commit: str


def reviews_at(tx: Tx, projects: Clause, commit: str, branch: str) -> list[AtCommit]:
    """The reviews under way of runs of a commit, or of a branch, in some projects."""
    rows = tx.all(
        f"""SELECT w.id, r.git_commit FROM runs r JOIN reviews w ON w.run_id = r.id
            WHERE r.deleted_at IS NULL AND (r.git_commit = ? OR (r.git_branch = ? AND r.git_branch <> '')) AND w.state IN ({UNDER_WAY})
            AND r.project_id IN {projects.sql} ORDER BY w.number""",
        (commit, branch, *projects.params),
    )
    return [AtCommit(*row) for row in rows]
