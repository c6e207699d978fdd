"""Package lists of runs, kept for search: what was installed, and what lock files name.

A list is stored once, by its digest; runs only point at it, so a thousand runs of one environment cost a thousand short
rows. Lock files are read later, by :mod:`runward.tracking.listing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from runward.core.hashing import digest_bytes
from runward.governance.scopes import Clause
from runward.store.database import Tx
from runward.tracking.capture.environment import normalised_name
from runward.tracking.keyed import encode
from runward.tracking.locks.names import MAX_BYTES, kind_of
from runward.tracking.locks.versions import version_key
from runward.tracking.model import Plain

Kind = Literal["packages", "locks"]
KINDS: tuple[Kind, ...] = ("packages", "locks")
"""The groups of the search language: what was installed, and what lock files name."""
_MAX_PACKAGES = 5_000
_MAX_LOCKS = 50
_MAX_NAME = 200
_MAX_OFFERED = 10_000


def rows_of(kind: Kind) -> str:
    """A table of ``run_id, key, value, place`` as a subquery, to be read run by run."""
    return f"""(SELECT l.run_id, p.key, p.value, p.place FROM run_packages l CROSS JOIN packages p
               WHERE p.set_id = l.set_id AND l.kind = '{kind}')"""


def with_package(kind: Kind, condition: str) -> str:
    """The runs of which a package ``x`` matches, as a query with one parameter for its key before the condition's.

    There are few lists, so those that match are found first and then their runs.
    """
    matching = f"SELECT x.set_id FROM packages x WHERE x.key = ? AND {condition}"
    return f"SELECT x.run_id AS run_id FROM run_packages x WHERE x.kind = '{kind}' AND x.set_id IN ({matching})"


def set_installed(tx: Tx, run_id: str, summary: Mapping[str, Plain]) -> None:
    """Remember what was installed for a run; what was known of it before is replaced."""
    listed = summary.get("packages")
    if not isinstance(listed, dict) or not listed:
        return
    set_id = digest_bytes(encode(listed).encode())[:32]
    before = tx.all("SELECT set_id FROM run_packages WHERE run_id = ? AND kind = 'packages'", (run_id,))
    if before == [(set_id,)]:
        return
    if before:
        tx.execute("DELETE FROM run_packages WHERE run_id = ? AND kind = 'packages'", (run_id,))
    if not _knows(tx, set_id):
        _insert(tx, set_id, "", "", listed=True)
        fill(tx, set_id, [(normalised_name(str(name)), str(version)) for name, version in listed.items()])
    _point(tx, run_id, "packages", set_id)


def installed(tx: Tx, run_id: str) -> dict[str, str] | None:
    """What was installed for a run, versions by normalised name; None where it was not captured."""
    set_id = tx.scalar("SELECT set_id FROM run_packages WHERE run_id = ? AND kind = 'packages'", (run_id,))
    if set_id is None:
        return None
    return {row[0]: row[1] for row in tx.all("SELECT key, value FROM packages WHERE set_id = ?", (set_id,))}


def set_locks(tx: Tx, run_id: str, summary: Mapping[str, Plain], uploaded: Mapping[str, int]) -> None:
    """Remember a run's lock files; their packages are listed later.

    Args:
        tx: The transaction.
        run_id: The run.
        summary: Of its captured code; ``locks`` has digests by path.
        uploaded: Sizes, by digest, of what lies in the run's project: nothing else is read.
    """
    tx.execute("DELETE FROM run_packages WHERE run_id = ? AND kind = 'locks'", (run_id,))
    for path, digest in sorted(locks_of(summary).items()):
        if uploaded.get(digest, MAX_BYTES + 1) <= MAX_BYTES and _is_usable(path):
            name = path.rpartition("/")[2]
            set_id = digest_bytes(f"{name} {digest}".encode())[:32]
            if not _knows(tx, set_id):
                _insert(tx, set_id, name, digest, listed=False)
            _point(tx, run_id, "locks", set_id)


def locks_of(summary: Mapping[str, Plain]) -> dict[str, str]:
    """The lock files that captured code has, as its client says: digests by path."""
    listed = summary.get("locks")
    found = {str(path): str(digest) for path, digest in (listed if isinstance(listed, dict) else {}).items()}
    return dict(sorted((path, digest) for path, digest in found.items() if kind_of(path))[:_MAX_LOCKS])


def forget_unused(tx: Tx) -> None:
    """Remove the lists that no run points at any more."""
    unused = "NOT EXISTS (SELECT 1 FROM run_packages l WHERE l.set_id = {})"
    tx.execute(f"DELETE FROM packages WHERE {unused.format('packages.set_id')}")
    tx.execute(f"DELETE FROM package_sets WHERE {unused.format('package_sets.id')}")


def has_package(tx: Tx, kind: Kind, key: str, projects: Clause) -> bool:
    """Whether a run of some projects has a package."""
    sql = f"""SELECT 1 FROM packages p WHERE p.key = ? AND EXISTS (SELECT 1 FROM run_packages l
              JOIN runs r ON r.id = l.run_id WHERE l.set_id = p.set_id AND l.kind = ? AND r.project_id IN {projects.sql})
              LIMIT 1"""
    return tx.scalar(sql, (key, kind, *projects.params)) is not None


def offered_packages(tx: Tx, kind: Kind, projects: Clause) -> list[str]:
    """The packages that runs of some projects have, for a hint."""
    sql = f"""SELECT DISTINCT p.key FROM packages p WHERE p.set_id IN (SELECT l.set_id FROM run_packages l
              JOIN runs r ON r.id = l.run_id WHERE l.kind = ? AND r.project_id IN {projects.sql})
              ORDER BY p.key LIMIT {_MAX_OFFERED}"""
    return [row[0] for row in tx.all(sql, (kind, *projects.params))]


def _is_usable(text: str) -> bool:
    return len(text) <= _MAX_NAME and text.isprintable()


def _knows(tx: Tx, set_id: str) -> bool:
    return tx.scalar("SELECT 1 FROM package_sets WHERE id = ?", (set_id,)) is not None


def _insert(tx: Tx, set_id: str, lock: str, digest: str, *, listed: bool) -> None:
    tx.execute(
        "INSERT INTO package_sets (id, lock, digest, listed) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (set_id, lock, digest, int(listed)),
    )


def fill(tx: Tx, set_id: str, packages: Iterable[tuple[str, str]]) -> None:
    """Store the (name, version) of a list's packages."""
    usable = [(name, version) for name, version in packages if _is_usable(name + version)]
    tx.many(
        "INSERT INTO packages (set_id, key, value, place) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(set_id, name, version, version_key(version)) for name, version in usable[:_MAX_PACKAGES]],
    )


def _point(tx: Tx, run_id: str, kind: Kind, set_id: str) -> None:
    tx.execute(
        "INSERT INTO run_packages (run_id, kind, set_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (run_id, kind, set_id),
    )
