"""Bitbucket Cloud: https://developer.atlassian.com/cloud/bitbucket/rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runward.core.outbound import Outgoing
from runward.errors import InvalidError
from runward.review.forges.adapter import CONTEXT, CommitStatus, Incoming, Place, Pull, Push
from runward.review.forges.common import cut, json_request, signed

_STATES: Final = {"pending": "INPROGRESS", "success": "SUCCESSFUL", "failure": "FAILED", "withdrawn": "STOPPED"}


class Bitbucket:
    """See :class:`runward.review.forges.adapter.Adapter`."""

    title = "Bitbucket"
    api_url = "https://api.bitbucket.org/2.0"
    parts = 2

    def status(self, place: Place, status: CommitStatus) -> Outgoing:
        """A build status, which has to have a link."""
        if not status.url:
            raise InvalidError("Bitbucket takes no status without a link", hint="runward server --url https://…")
        content = {
            "key": CONTEXT,
            "name": "Review",
            "state": _STATES[status.state],
            "url": status.url,
            "description": cut(status.description, 255),
        }
        return self._request(place, f"commit/{status.sha}/statuses/build", content)

    def comment(self, place: Place, sha: str, pull: int, text: str) -> Outgoing:
        """On the pull request, else on the commit."""
        where = f"pullrequests/{pull}" if pull else f"commit/{sha}"
        return self._request(place, f"{where}/comments", {"content": {"raw": text}})

    def _request(self, place: Place, path: str, content: dict[str, Any]) -> Outgoing:
        headers = {"Authorization": f"Bearer {place.token}"}
        return json_request(f"{place.api_url}/repositories/{place.repository}/{path}", headers, content)

    def proven(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """``X-Hub-Signature``: HMAC-SHA256 over the body."""
        return signed(headers.get("x-hub-signature", ""), body, secret)

    def read(self, headers: Mapping[str, str], body: Any) -> list[Incoming]:
        """``repo:push`` and pull requests; of their head only how it begins is told."""
        event = headers.get("x-event-key", "")
        if event == "repo:push":
            changes = [change for change in body["push"]["changes"] if change["old"] and change["new"]]
            return [
                Push(c["new"]["name"], c["old"]["target"]["hash"], c["new"]["target"]["hash"], bool(c["forced"]))
                for c in changes
                if c["new"]["type"] == "branch"
            ]
        if event in ("pullrequest:created", "pullrequest:updated"):
            request = body["pullrequest"]
            return [Pull(int(request["id"]), str(request["source"]["commit"]["hash"]))]
        return []
