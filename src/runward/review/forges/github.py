"""GitHub: https://docs.github.com/rest; also GitHub Enterprise Server (``https://HOST/api/v3``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runward.core.outbound import Outgoing
from runward.review.forges.adapter import CONTEXT, CommitStatus, Incoming, Place, Pull, Push
from runward.review.forges.common import NOBODY, branch_of, cut, json_request, signed

_STATES: Final = {"pending": "pending", "success": "success", "failure": "failure", "withdrawn": "error"}
_MAX_DESCRIPTION = 140


class GitHub:
    """See :class:`runward.review.forges.adapter.Adapter`."""

    title = "GitHub"
    api_url = "https://api.github.com"
    parts = 2

    def status(self, place: Place, status: CommitStatus) -> Outgoing:
        """A commit status: ``POST /repos/{owner}/{repo}/statuses/{sha}``."""
        content = {
            "state": _STATES[status.state],
            "target_url": status.url,
            "description": cut(status.description, _MAX_DESCRIPTION),
            "context": CONTEXT,
        }
        return self._request(place, f"statuses/{status.sha}", content)

    def comment(self, place: Place, sha: str, pull: int, text: str) -> Outgoing:
        """On the pull request's page (pull requests are issues there), else on the commit."""
        return self._request(place, f"issues/{pull}/comments" if pull else f"commits/{sha}/comments", {"body": text})

    def _request(self, place: Place, path: str, content: dict[str, Any]) -> Outgoing:
        headers = {
            "Authorization": f"Bearer {place.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return json_request(f"{place.api_url}/repos/{place.repository}/{path}", headers, content)

    def proven(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """``X-Hub-Signature-256``: HMAC-SHA256 over the body."""
        return signed(headers.get("x-hub-signature-256", ""), body, secret)

    def read(self, headers: Mapping[str, str], body: Any) -> list[Incoming]:
        """``push`` and ``pull_request``."""
        event = headers.get("x-github-event", "")
        if event == "push" and (branch := branch_of(body["ref"])) and body["after"] != NOBODY:
            return [Push(branch, str(body["before"]), str(body["after"]), bool(body["forced"]))]
        if event == "pull_request":
            return [Pull(int(body["number"]), str(body["pull_request"]["head"]["sha"]))]
        return []
