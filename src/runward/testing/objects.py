"""An object storage for tests: moto's S3 API on loopback, in a thread of the test process."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import urllib.request

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
_BUCKET = "runward-tests"


def why_not() -> str:
    """What keeps the storage from being started here; empty when nothing does."""
    missing = [name for name in ("moto", "flask", "obstore") if importlib.util.find_spec(name) is None]
    return f"{', '.join(missing)} not installed (`uv sync --group objects`)" if missing else ""


class ObjectStorage:
    """A running S3 API; :meth:`place` gives a fresh, empty place in it."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer  # the group `objects`

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        os.environ.update(CREDENTIALS)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        scope = f"test/20260101/{CREDENTIALS['AWS_REGION']}/s3/aws4_request"
        signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
        made = urllib.request.Request(f"{self.endpoint}/{_BUCKET}", method="PUT", headers=signed)
        with urllib.request.urlopen(made, timeout=30) as answer:
            answer.read()

    def place(self) -> str:
        """The ``--blobs`` URL of a fresh place."""
        return f"s3://{_BUCKET}/{secrets.token_hex(6)}?endpoint={self.endpoint}"

    def stop(self) -> None:
        """End the server; what it held is gone."""
        self._server.stop()
