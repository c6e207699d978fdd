"""A provider that says whatever a test wants it to say: for answers that no honest provider gives."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

Key = RSAKey | ECKey | OctKey


class StandIn:
    """Answers discovery, keys, token and userinfo requests; what it answers may be changed while it runs."""

    def __init__(self) -> None:
        self.key: Key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.published: list[Key] = [self.key]
        self.algorithm = "RS256"
        self.nonce = ""
        self.claims: dict[str, Any] = {}
        """What the ID token says besides the honest claims; None takes a claim away."""
        self.token: str | None = None
        """The ID token as it is, where no signed one is wanted."""
        self.userinfo: dict[str, Any] = {"sub": "alice"}
        self.document: dict[str, Any] = {}
        self.status = 200
        self.location = ""
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                self._answer(parse_qs(self.rfile.read(length).decode()))

            def _answer(self, form: dict[str, list[str]]) -> None:
                site.asked.append((self.path, form))
                body = json.dumps(site._said(self.path)).encode()
                self.send_response(site.status)
                if site.location:
                    self.send_header("Location", site.location)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _said(self, path: str) -> dict[str, Any]:
        if path.endswith("openid-configuration"):
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/auth",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/me",
                "jwks_uri": f"{self.issuer}/keys",
                **self.document,
            }
        if path == "/keys":
            return {"keys": [{**key.as_dict(private=False), "kid": key.kid} for key in self.published]}
        if path == "/me":
            return self.userinfo
        return {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token()}

    def id_token(self) -> str:
        """An ID token as a test wants it."""
        if self.token is not None:
            return self.token
        now = int(time.time())
        honest = {
            "iss": self.issuer, "sub": "alice", "aud": "runward", "iat": now, "exp": now + 300, "nonce": self.nonce,
            "preferred_username": "alice", "groups": ["ml"],
        }  # fmt: skip
        said = {name: value for name, value in {**honest, **self.claims}.items() if value is not None}
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, said, self.key, algorithms=[self.algorithm])
