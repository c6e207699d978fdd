"""A project's forge."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

ForgeKind = Literal["github", "gitlab", "bitbucket", "azure"]


class NewForge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a project's code lives."""

    kind: ForgeKind
    repository: str
    """``owner/name``; GitLab: ``group/…/project``; Azure: ``organization/project/repository``."""
    token: str
    """What lets the server set statuses and write comments there."""
    api_url: str = ""
    """Of a server of one's own; empty for the public one."""


class Forge(msgspec.Struct, frozen=True):
    """A project's forge as it is shown; neither its token nor its secret is in it."""

    project: str
    kind: ForgeKind
    repository: str
    api_url: str
    hook_path: str
    """Where its web hooks go, below this server's address."""
    author: str
    at: datetime


class ForgeSecret(msgspec.Struct, frozen=True):
    """A forge with the secret that its web hooks prove themselves by. It is shown once."""

    forge: Forge
    secret: str
