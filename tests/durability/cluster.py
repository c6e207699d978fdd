"""A PostgreSQL that keeps its promises, with a standby that confirms each commit; both can be crashed."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from runward.testing.plugin import missing
from runward.testing.postgres import find_binaries, free_port, why_not
from tests.durability.site import wait_for

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "wal_level": "replica",
    "hot_standby": "on",
    "log_min_messages": "fatal",
}


class Node:
    """One server with its data, as the user ``postgres`` where this is root."""

    def __init__(self, folder: Path, binaries: Path, password: str) -> None:
        self.data, self.port, self._bin, self._password = folder, free_port(), binaries, password

    def run(self, program: str, *words: str) -> None:
        """One of PostgreSQL's programs, to its end."""
        switch = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        command = [*(switch if os.geteuid() == 0 else []), str(self._bin / program), *words]
        env = {**os.environ, "PGPASSWORD": self._password}
        subprocess.run(command, check=True, capture_output=True, cwd=self.data.parent, env=env, timeout=120)

    def start(self) -> None:
        """Start it, and recover what a crash left."""
        options = " ".join(
            f"-c {name}={value}" for name, value in {**_SETTINGS, "port": self.port}.items() if value != ""
        )
        options += " -c unix_socket_directories=''"
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data.parent / "log"), "-o", options, "start")

    def crash(self) -> None:
        """End it without a checkpoint, as a power cut would; nothing is written any more."""
        self.run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "promote")


class Cluster:
    """A primary, and on request a standby without whose word nothing is acknowledged."""

    def __init__(self) -> None:
        if reason := why_not():
            missing(reason)
        binaries = find_binaries()
        assert binaries is not None
        # Below a folder that every user can reach: the server does not run as root.
        self._folder = folder = Path(tempfile.mkdtemp(prefix="runward-cluster-"))
        self._password = secrets.token_hex(8)
        secret = folder / "password"
        secret.write_text(self._password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (folder, secret):
                shutil.chown(path, owner.pw_uid, owner.pw_gid)
        self.primary = Node(folder / "primary", binaries, self._password)
        self.standby: Node | None = None
        made = ["-D", str(self.primary.data), "-U", "runward", "-E", "UTF8", "--locale=C.UTF-8"]
        self.primary.run("initdb", *made, "--auth=password", f"--pwfile={secret}")
        with (self.primary.data / "pg_hba.conf").open("a") as rules:
            rules.write("host replication runward 127.0.0.1/32 password\n")
        self.primary.start()

    @property
    def url(self) -> str:
        """Of whichever node takes writes."""
        nodes = [self.primary, *([self.standby] if self.standby else [])]
        places = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        return f"postgresql://runward:{self._password}@{places}/postgres?target_session_attrs=read-write"

    def add_standby(self) -> None:
        """From now on a commit counts when the standby has it on its disk."""
        primary, standby = self.primary, Node(self.primary.data.parent / "standby", self.primary._bin, self._password)
        source = f"host=127.0.0.1 port={primary.port} user=runward password={self._password}"
        standby.run("pg_basebackup", "-D", str(standby.data), "-d", source, "-R", "-X", "stream", "-c", "fast")
        standby.start()
        self.standby = standby
        self._sql("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        wait_for(
            lambda: self._sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1",
            "the standby",
        )

    def fail_over(self) -> None:
        """Lose the primary for good and go on with the standby."""
        assert self.standby is not None
        self.primary.crash()
        self.standby.promote()
        self._sql("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        self.primary, self.standby = self.standby, None

    def stop(self) -> None:
        """End what runs."""
        for node in (self.primary, self.standby):
            if node is not None and (node.data / "postmaster.pid").exists():
                node.crash()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sql(self, *statements: str) -> str:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            found = None
            for statement in statements:
                cursor = connection.execute(statement.encode())
                found = cursor.fetchone() if cursor.description else None
        return str(found[0]) if found else ""
