"""Azure DevOps Services: https://learn.microsoft.com/rest/api/azure/devops/git."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from runward.core.outbound import Outgoing
from runward.errors import InvalidError
from runward.review.forges.adapter import CONTEXT, CommitStatus, Incoming, Place, Pull, Push
from runward.review.forges.common import NOBODY, branch_of, cut, json_request, same

_STATES: Final = {"pending": "pending", "success": "succeeded", "failure": "failed", "withdrawn": "notApplicable"}
_VERSION = "api-version=7.1"


class Azure:
    """See :class:`runward.review.forges.adapter.Adapter`."""

    title = "Azure DevOps"
    api_url = "https://dev.azure.com"
    parts = 3

    def status(self, place: Place, status: CommitStatus) -> Outgoing:
        """A commit status: ``POST …/commits/{sha}/statuses``."""
        genre, _, name = CONTEXT.partition("/")
        content = {
            "state": _STATES[status.state],
            "description": cut(status.description, 255),
            "targetUrl": status.url,
            "context": {"name": name, "genre": genre},
        }
        return self._request(place, f"commits/{status.sha}/statuses", content)

    def comment(self, place: Place, sha: str, pull: int, text: str) -> Outgoing:
        """A thread on the pull request; commits have no comments there."""
        if not pull:
            raise InvalidError("Azure DevOps has no comments on commits, and no pull request of this one is known")
        thread = {"comments": [{"parentCommentId": 0, "content": text, "commentType": "text"}], "status": "closed"}
        return self._request(place, f"pullRequests/{pull}/threads", thread)

    def _request(self, place: Place, path: str, content: dict[str, Any]) -> Outgoing:
        organization, project, repository = (quote(part, safe="") for part in place.repository.split("/", 2))
        base = f"{place.api_url}/{organization}/{project}/_apis/git/repositories/{repository}"
        token = base64.b64encode(f":{place.token}".encode()).decode()
        return json_request(f"{base}/{path}?{_VERSION}", {"Authorization": f"Basic {token}"}, content)

    def proven(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Basic authentication with the secret as password; the name does not matter."""
        kind, _, credentials = headers.get("authorization", "").partition(" ")
        try:
            _, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            password = ""
        return same(password, secret) and kind.lower() == "basic"

    def read(self, headers: Mapping[str, str], body: Any) -> list[Incoming]:
        """``git.push`` and pull requests. Azure does not say whether a push was forced."""
        event, found = body.get("eventType", ""), body.get("resource", {})
        if event == "git.push":
            updates = [one for one in found["refUpdates"] if NOBODY not in (one["oldObjectId"], one["newObjectId"])]
            return [
                Push(branch, str(one["oldObjectId"]), str(one["newObjectId"]), None)
                for one in updates
                if (branch := branch_of(one["name"]))
            ]
        if event in ("git.pullrequest.created", "git.pullrequest.updated"):
            return [Pull(int(found["pullRequestId"]), str(found["lastMergeSourceCommit"]["commitId"]))]
        return []
