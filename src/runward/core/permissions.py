"""Roles and the permissions that operations declare: one table, deny by default."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal, get_args


class Role(IntEnum):
    """What a member may do somewhere; each role holds all that the lower ones hold."""

    VIEWER = 1
    CONTRIBUTOR = 2
    REVIEWER = 3
    MAINTAINER = 4
    ADMIN = 5

    @property
    def label(self) -> str:
        """The role as people write it."""
        return self.name.lower()


PERMISSIONS: Final[dict[str, Role]] = {
    "session.use": Role.VIEWER,
    "project.read": Role.VIEWER,
    "project.create": Role.CONTRIBUTOR,
    "project.update": Role.MAINTAINER,
    # Who works on something knows who reads along.
    "access.read": Role.CONTRIBUTOR,
    "run.read": Role.VIEWER,
    "run.write": Role.CONTRIBUTOR,
    "run.delete": Role.MAINTAINER,
    "view.read": Role.VIEWER,
    "view.write": Role.CONTRIBUTOR,
    "comment.read": Role.VIEWER,
    # Where events go, and with which secrets.
    "hook.manage": Role.MAINTAINER,
    "report.read": Role.VIEWER,
    "report.write": Role.CONTRIBUTOR,
    # What a link shows leaves the house.
    "report.share": Role.MAINTAINER,
    "data.read": Role.VIEWER,
    "data.write": Role.CONTRIBUTOR,
    "data.delete": Role.MAINTAINER,
    "data.read_restricted": Role.MAINTAINER,
    "label.read": Role.VIEWER,
    "label.write": Role.CONTRIBUTOR,
    "model.read": Role.VIEWER,
    "model.write": Role.CONTRIBUTOR,
    "model.delete": Role.MAINTAINER,
    "model.protect": Role.MAINTAINER,
    "model.rollback": Role.MAINTAINER,
    "model.override": Role.ADMIN,
    "knowledge.read": Role.VIEWER,
    "knowledge.write": Role.CONTRIBUTOR,
    "library.manage": Role.MAINTAINER,
    "standards.read": Role.VIEWER,
    "standards.write": Role.MAINTAINER,
    "verification.read": Role.VIEWER,
    "verify.write": Role.CONTRIBUTOR,
    "job.submit": Role.CONTRIBUTOR,
    "review.read": Role.VIEWER,
    "review.request": Role.CONTRIBUTOR,
    "review.comment": Role.CONTRIBUTOR,
    "review.approve": Role.REVIEWER,
    "ci.report": Role.CONTRIBUTOR,
    "review.waive": Role.MAINTAINER,
    "review.override": Role.ADMIN,
    "comment.write": Role.CONTRIBUTOR,
    "member.read": Role.VIEWER,
    "member.manage": Role.ADMIN,
    "token.manage": Role.VIEWER,
    "audit.read": Role.ADMIN,
    # All that concerns a person: taken out of the house, and forgotten.
    "export": Role.ADMIN,
    "erase": Role.ADMIN,
    "workspace.collect": Role.ADMIN,
    # How the server fares: its health, and what it measures.
    "server.read": Role.ADMIN,
    # How long things are kept, and what must stay.
    "retention.manage": Role.MAINTAINER,
    "hold.manage": Role.ADMIN,
}
"""The least role that holds each permission."""

Verb = Literal[
    "audit.read",
    "data.read_restricted",
    "erase",
    "export",
    "job.submit",
    "review.approve",
    "server.read",
    "verify.write",
]
"""A permission that a member can be given by itself, whatever their role."""

VERBS: Final[tuple[str, ...]] = get_args(Verb)
"""All of them."""

ALONE: Final[frozenset[str]] = frozenset({"audit.read", "erase", "export", "server.read"})
"""The verbs that need no role beside them: for auditors, data-protection officers and monitoring, who read nobody's data.

The others count where their holder may read: an answer to them shows the object.
"""
