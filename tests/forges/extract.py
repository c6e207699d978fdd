"""Takes from GitHub's own OpenAPI document and web-hook examples what the tests compare with.

``npm install --prefix DIR @octokit/openapi @octokit/webhooks-examples`` (MIT), then
``uv run python -m tests.forges.extract DIR/node_modules/@octokit`` writes ``github.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OPERATIONS = (
    "/repos/{owner}/{repo}/statuses/{sha}",
    "/repos/{owner}/{repo}/commits/{commit_sha}/comments",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments",
)
EVENTS = ("push", "pull_request", "ping", "create")


def extract(packages: Path) -> dict[str, Any]:
    document = json.loads((packages / "openapi/generated/api.github.com.json").read_text())
    examples = json.loads((packages / "webhooks-examples/api.github.com/index.json").read_text())
    version = {
        name: json.loads((packages / name / "package.json").read_text())["version"]
        for name in ("openapi", "webhooks-examples")
    }
    return {
        "from": version,
        "bodies": {path: _body(document["paths"][path]["post"]) for path in OPERATIONS},
        "hooks": {
            found["name"]: list({_case(one): one for one in found["examples"]}.values())
            for found in examples
            if found["name"] in EVENTS
        },
    }


def _case(example: dict[str, Any]) -> tuple[str, bool] | str:
    """Examples of one case are as good as each other; of pull requests three cases are enough."""
    action = str(example.get("action", ""))
    if action:
        return action if action in ("opened", "synchronize") else "another"
    return str(example.get("ref", "")), bool(example.get("deleted"))


def _body(operation: dict[str, Any]) -> Any:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert "$ref" not in json.dumps(schema), "take what it refers to, too"
    return schema


if __name__ == "__main__":
    (HERE / "github.json").write_text(
        json.dumps(extract(Path(sys.argv[1])), separators=(",", ":"), sort_keys=True) + "\n"
    )
