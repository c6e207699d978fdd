"""Roles and the permissions that operations declare: one table, deny by default."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


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
    "verification.write": Role.CONTRIBUTOR,
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
    "workspace.collect": Role.ADMIN,
    # What concerns any person, taken out as a whole.
    "export": Role.ADMIN,
    "erase": Role.ADMIN,
    "retention.manage": Role.MAINTAINER,
    "hold.manage": Role.ADMIN,
}
"""The least role that holds each permission."""
