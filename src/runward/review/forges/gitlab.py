"""GitLab: https://docs.gitlab.com/api; servers of one's own as ``https://HOST/api/v4``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from runward.core.outbound import Outgoing
from runward.review.forges.adapter import CONTEXT, CommitStatus, Incoming, Place, Pull, Push
from runward.review.forges.common import NOBODY, branch_of, cut, json_request, same

_STATES: Final = {"pending": "pending", "success": "success", "failure": "failed", "withdrawn": "canceled"}


class GitLab:
    """See :class:`runward.review.forges.adapter.Adapter`."""

    title = "GitLab"
    api_url = "https://gitlab.com/api/v4"
    parts = 2

    def status(self, place: Place, status: CommitStatus) -> Outgoing:
        """A commit status: ``POST /projects/:id/statuses/:sha``."""
        content = {
            "state": _STATES[status.state],
            "name": CONTEXT,
            "target_url": status.url,
            "description": cut(status.description, 255),
        }
        return self._request(place, f"statuses/{status.sha}", content)

    def comment(self, place: Place, sha: str, pull: int, text: str) -> Outgoing:
        """A note on the merge request, else a comment on the commit."""
        if pull:
            return self._request(place, f"merge_requests/{pull}/notes", {"body": text})
        return self._request(place, f"repository/commits/{sha}/comments", {"note": text})

    def _request(self, place: Place, path: str, content: dict[str, Any]) -> Outgoing:
        project = quote(place.repository, safe="")
        return json_request(f"{place.api_url}/projects/{project}/{path}", {"PRIVATE-TOKEN": place.token}, content)

    def proven(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """``X-Gitlab-Token``: the secret itself."""
        return same(headers.get("x-gitlab-token", ""), secret)

    def read(self, headers: Mapping[str, str], body: Any) -> list[Incoming]:
        """Push and merge request hooks. GitLab does not say whether a push was forced."""
        event = headers.get("x-gitlab-event", "")
        if event == "Push Hook" and (branch := branch_of(body["ref"])) and body["after"] != NOBODY:
            return [Push(branch, str(body["before"]), str(body["after"]), None)]
        if event == "Merge Request Hook":
            request = body["object_attributes"]
            return [Pull(int(request["iid"]), str(request["last_commit"]["id"]))]
        return []
