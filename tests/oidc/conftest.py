"""A server that people sign in to by a provider: a real one, and one that lies as it is told to."""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from runward.governance.model import AuditEvent, Member
from runward.governance.oidc import GroupRole, OidcSettings
from runward.server.access import Access
from runward.server.run import RunningServer, listen
from runward.testing.plugin import missing
from runward.workspace import FolderWorkspace, open_folder
from tests.oidc.standin import StandIn
from tests.server.http import Answer, Client

HERE = Path(__file__).parent
NPM = HERE.parents[1] / ".ci" / "npm"
SECRET = "a secret of the test"
GROUPS = (
    GroupRole("ml", "team", "contributor"),
    GroupRole("ml-leads", "team", "maintainer"),
    GroupRole("platform", "", "admin"),
    GroupRole("vision", "vision", "viewer"),
)
CALLBACK = "/api/v1/session/oidc/callback"


class Site(NamedTuple):
    """A server with its workspace's owner."""

    owner: FolderWorkspace
    server: RunningServer

    @property
    def redirect_uri(self) -> str:
        return f"{self.server.url}{CALLBACK}"

    def begin(self, *, cookie: str = "", **body: Any) -> tuple[str, str]:
        """Begin a sign-in: (the provider's address, the cookie of this browser)."""
        answer = Client(self.server.url, cookie=cookie).post("/api/v1/session/oidc", body)
        assert answer.status == 200, answer.body
        return answer.json["location"], _cookie(answer, "runward_sign_in")

    def back(self, cookie: str, **query: str) -> Answer:
        """Come back from the provider."""
        from urllib.parse import urlencode

        return Client(self.server.url, cookie=cookie).send("GET", f"{CALLBACK}?{urlencode(query)}", bare=True)

    def me(self, answer: Answer) -> dict[str, Any]:
        """Who is signed in by an answer."""
        found: dict[str, Any] = Client(self.server.url, cookie=session_of(answer)).get("/api/v1/me").json
        return found

    def member(self, name: str) -> Member:
        return next(member for member in self.owner.governance.list_members() if member.name == name)

    def trail(self, outcome: str = "") -> list[AuditEvent]:
        """What the trail has of sign-ins by the provider, newest first."""
        events = self.owner.governance.audit(operation="session.", outcome=outcome, limit=50).events
        return [event for event in events if event.via == "oidc"]


def _cookie(answer: Answer, name: str) -> str:
    found = [part for part in answer.cookies if part.startswith(f"{name}=")]
    return found[0].partition(";")[0] if found else ""


def session_of(answer: Answer) -> str:
    """The session's cookie in an answer."""
    found = _cookie(answer, "runward_session")
    assert found, (answer.status, answer.headers)
    return found


def query_of(url: str) -> dict[str, str]:
    """The query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def settings(issuer: str, **changes: Any) -> OidcSettings:
    """What the server is told of a provider."""
    given = {"client_id": "runward", "client_secret": SECRET, "label": "the test", "groups": GROUPS, "create": True}
    return OidcSettings(issuer=issuer, **{**given, **changes})


@contextlib.contextmanager
def serving(folder: Path, issuer: Callable[[str], str], *, host: str = "127.0.0.1", **changes: Any) -> Iterator[Site]:
    """A server whose provider is started once it is known where to send people back."""
    owner = open_folder(folder, "owner")
    owner.governance.create_team("vision")
    bound = listen("127.0.0.1", 0)
    url = f"http://{host}:{bound.getsockname()[1]}"
    access = Access(url=url, oidc=settings(issuer(f"{url}{CALLBACK}"), **changes))
    with contextlib.closing(owner), RunningServer(owner.dispatcher, bound, access) as server:
        yield Site(owner, server)


def _installed() -> None:
    """Install the provider where it is missing; one process does so, others wait."""
    with open(HERE / "package-lock.json", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (HERE / "node_modules" / "oidc-provider").is_dir():
            return
        command = [str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        made = subprocess.run(command, cwd=HERE, capture_output=True, text=True)
    if made.returncode != 0:
        missing(f"the OpenID provider cannot be installed: {made.stderr[-300:]}")


class Provider:
    """npm's oidc-provider in a process of its own, whose accounts a test may change."""

    def __init__(self, folder: Path) -> None:
        self._accounts, self._folder = folder / "accounts.json", folder
        self.accounts: dict[str, dict[str, Any]] = {}
        self.issuer = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self, redirect_uri: str) -> str:
        """Start it for a client that is sent back to an address; returns the issuer."""
        _installed()
        self.write()
        command = [str(NPM), "run", "--silent", "provider", "--", str(self._accounts), redirect_uri]
        self._process = subprocess.Popen(
            command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.issuer = json.loads(self._process.stdout.readline())["issuer"]
        return self.issuer

    def write(self, **accounts: dict[str, Any]) -> None:
        """Set the accounts: claims by subject."""
        self.accounts = accounts or self.accounts
        self._accounts.write_text(json.dumps(self.accounts))

    def stop(self) -> None:
        """It ends with its standard input."""
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait(20)
            self._process.stdout.close()


class Browser:
    """Follows the provider's pages as a browser would: cookies, redirects, its forms."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.cookies: dict[str, str] = {}

    def sign_in(self, url: str, login: str) -> str:
        """Sign in and consent; returns the address that the provider sends the browser back to."""
        form: dict[str, str] | None = None
        for _ in range(20):
            if not url.startswith(self.issuer):
                return url
            url, page = self._step(url, form)
            form = None
            if page:
                action = page.partition('action="')[2].partition('"')[0]
                prompt = page.partition('name="prompt" value="')[2].partition('"')[0]
                url, form = action, {"prompt": prompt, "login": login, "password": "any"}
        raise AssertionError("the provider leads nowhere")

    def _step(self, url: str, form: dict[str, str] | None) -> tuple[str, str]:
        from urllib.parse import urlencode, urljoin

        client = Client(url, cookie="; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        path = url.removeprefix(self.issuer)
        headers = {"Accept": "text/html", "Content-Type": "application/x-www-form-urlencoded"}
        data = urlencode(form).encode() if form else None
        answer = client.send("POST" if form else "GET", path, data, headers, bare=True)
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if "location" in answer.headers:
            return urljoin(url, answer.headers["location"]), ""
        assert answer.status == 200, (answer.status, answer.body[:500])
        return url, answer.body.decode()


@pytest.fixture(scope="package")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A real provider; :func:`site` starts it."""
    made = Provider(tmp_path_factory.mktemp("provider"))
    yield made
    made.stop()


@pytest.fixture(scope="package")
def site(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with the real provider."""
    with serving(tmp_path_factory.mktemp("site"), provider.start) as found:
        yield found


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[tuple[Site, StandIn]]:
    """A server with a provider that says what it is told to."""
    stand_in = StandIn()
    with contextlib.ExitStack() as stack:
        stack.callback(stand_in.stop)
        yield stack.enter_context(serving(tmp_path / "w", lambda uri: stand_in.issuer)), stand_in


def wait_until(holds: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)
