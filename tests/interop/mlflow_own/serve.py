"""Fresh Runward servers on request, for a process that lives in another environment.

Reads ``start PORT`` and ``stop PORT`` from stdin, a line each, and answers each with one line: a token, or ``done``.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from runward.governance.model import NewToken
from runward.registry import service
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import open_folder


def start(port: int, stack: ExitStack) -> str:
    """Serve a new folder until the stack is closed; returns a token of its admin."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="runward-mlflow-"))
    owner = open_folder(Path(folder), "owner")
    # MLflow protects no alias and no stage; here its tests are to move them as there.
    setattr(service, "PROTECTED", ())  # noqa: B010
    stack.callback(owner.close)
    stack.enter_context(RunningServer(owner.dispatcher, listen("127.0.0.1", port), LOOPBACK))
    return owner.governance.create_token(NewToken("mlflow")).secret


def main() -> None:
    """Answer requests until stdin ends."""
    running: dict[int, ExitStack] = {}
    for line in sys.stdin:
        word, port = line.split()
        if word == "start":
            stack = running[int(port)] = ExitStack()
            said = start(int(port), stack)
        else:
            running.pop(int(port)).close()
            said = "done"
        sys.stdout.write(said + "\n")
        sys.stdout.flush()
    for stack in running.values():
        stack.close()


if __name__ == "__main__":
    main()
