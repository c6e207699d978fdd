"""The forges that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runward.review.forges.adapter import Adapter
from runward.review.forges.azure import Azure
from runward.review.forges.bitbucket import Bitbucket
from runward.review.forges.github import GitHub
from runward.review.forges.gitlab import GitLab
from runward.review.forges.model import ForgeKind

FORGES: Final[Mapping[ForgeKind, Adapter]] = {
    "github": GitHub(),
    "gitlab": GitLab(),
    "bitbucket": Bitbucket(),
    "azure": Azure(),
}
