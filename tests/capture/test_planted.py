"""Secrets of every kind are planted wherever a run can take them up; nothing that is stored, printed or exported has one."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.zstd import decompress
from runward.tracking.capture.redact import find_secrets
from runward.tracking.model import NewProject, NewRun, RunParam
from runward.workspace import open_folder
from tests.capture.stores import Repository
from tests.capture.test_redact import SECRETS

# By looks alone; what stands after a telling name is planted with words of its own, that are nowhere else.
PLANTED = [text for kind, text in SECRETS if kind not in ("assignment", "authorization", "url-token")] + [
    "password=" + "plantedhorse1",
    "DB_PASSWORD: " + "'planted horse 2'",
    '"api_key": ' + '"planted3horse3battery3"',
    "client_secret = " + "plantedhorse4",
    "Authorization: Bearer " + "planted5horse5battery5",
    "https://" + "planted6horse6battery6staple6" + "@example.org/x.git",
]
TRAIN = """
import sys
import runward as run
for text in open("planted.txt.key").read().split("\\0"):
    print("here:", text)
    print(text, file=sys.stderr)
sys.stdout.write("no end of the line, api_key=" "planted" "horse7")
sys.stdout.flush()
active = run.start("inner", params={"db.password": "planted" "horse8", "nested": {"token": "planted" "horse9"}, "max_tokens": 512})
for index, text in enumerate(open("planted.txt.key").read().split("\\0")):
    active.log_param(f"p{index}", text)
    active.set_tag(f"t{index}", text)
    active.log_params({"deep": {"list": [text]}})
active.log_text("note", "plain")
raise SystemExit(3)
"""
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def _cores(text: str) -> Iterator[bytes]:
    """The lines of what is secret in a text."""
    for _, start, end in find_secrets(text):
        for line in text[start:end].strip("\"'").splitlines():
            if len(line) >= 8 and not line.startswith("-----"):
                yield line.encode()


CORES = sorted({core for text in PLANTED for core in _cores(text)} | {b"plantedhorse%d" % n for n in (7, 8, 9)})


def _found(data: bytes) -> set[bytes]:
    return {core for core in CORES if core in data}


def _stored(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a folder, and every value of its databases, unpacked."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        yield str(path), path.read_bytes()
        if path.suffix == ".db":
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
                tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (table,) in tables:
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        for value in row:
                            if isinstance(value, bytes) and value[:4] == b"\x28\xb5\x2f\xfd":
                                yield f"{path}:{table}", decompress(value)
                            elif value is not None:
                                yield f"{path}:{table}", value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with secrets in its remote, its changes, its new files, notebooks and configs."""
    repository = Repository(tmp_path / "repo")
    repository.write("train.py", TRAIN.encode())
    repository.write("changed.py", b"x = 1\n")
    repository.write("seen.ipynb", json.dumps(NOTEBOOK).encode())
    repository.write(".gitignore", b".runward/\n")
    repository.commit()
    root = tmp_path / "repo"
    repository.git("remote", "add", "origin", "https://ada:" + "plantedremotehorse" + "@example.org/x.git")
    # In code only what stands in quotes is a secret: `password=word` may be any expression.
    lines = "\n".join(text for text in PLANTED if not text.startswith(("password", "DB_", "client_secret")))
    (root / "planted.txt.key").write_text("\0".join(PLANTED))
    (root / "changed.py").write_text(
        f"'''\n{lines}\n'''\npassword = 'plantedhorse7'\nf(client_secret=\"plantedhorse4\")\n"
    )
    (root / "new.py").write_text(f"'''\n{lines}\n'''\n")
    (root / "conf.yaml").write_text(
        "db:\n  password: plantedhorse8\n" + "".join(f"k{n}: |\n  {text!r}\n" for n, text in enumerate(PLANTED))
    )
    output = {"output_type": "stream", "name": "stdout", "text": [f"{line}\n" for line in lines.splitlines()]}
    cell = {
        "cell_type": "code",
        "source": [f"# {line}\n" for line in lines.splitlines()],
        "outputs": [output],
        "metadata": {},
        "execution_count": 1,
    }
    (root / "seen.ipynb").write_text(json.dumps({**NOTEBOOK, "cells": [cell]}))
    for name in [key for key in os.environ if key.startswith("RUNWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", "/opt/x:" + PLANTED[4])
    monkeypatch.setenv("OPENAI_API_KEY", PLANTED[15])
    monkeypatch.setenv("CUDA_NOTE", " ".join(PLANTED))
    return root


@pytest.mark.slow
def test_no_secret_lands(planted: Path, tmp_path: Path) -> None:
    """Command line, environment, remote, diff, new files, notebook outputs, configs, stdout and stderr, params, tags, errors."""
    assert len(CORES) >= 50
    begin = [sys.executable, "-m", "runward"]
    words = [word for text in PLANTED if "\n" not in text for word in ("--note", text)]
    ended = subprocess.run(
        [*begin, "run", "--tag", f"said={PLANTED[8]}", "--purpose", PLANTED[9], "--name", "n " + PLANTED[11], "--",
         sys.executable, "train.py", *words, "--password", "plantedhorse9"],
        cwd=planted, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 3, ended.stderr[-2000:]
    assert "plantedhorse7" in ended.stdout
    runs = json.loads(
        subprocess.run([*begin, "runs", "list", "--json"], cwd=planted, capture_output=True, check=True).stdout
    )
    told = json.dumps(runs)
    assert "[redacted:" in told
    assert '"max_tokens": 512' in told
    for kind in ("json", "mlflow", "rocrate"):
        out = tmp_path / "out" / kind
        out.parent.mkdir(exist_ok=True)
        ids = [run["id"] for run in runs["runs"]]
        subprocess.run(
            [*begin, "export", kind, *ids, "-o", str(out)], cwd=planted, capture_output=True, check=True, timeout=300
        )
    hits = {
        (place, core)
        for folder in (planted / ".runward", tmp_path / "out")
        for place, data in _stored(folder)
        for core in {*_found(data), *([b"plantedremotehorse"] if b"plantedremotehorse" in data else [])}
    }
    assert hits == set()
    kept = b"".join(data for _, data in _stored(planted / ".runward"))
    kinds = set(re.findall(rb"\[redacted:([\w-]+)\]", kept))
    assert len(kinds) >= 30, kinds


def test_what_is_sent_by_others_is_masked_at_the_door(tmp_path: Path) -> None:
    """Whoever speaks to the server without our client."""
    space = open_folder(tmp_path / "ws", "ann")
    space.tracking.create_project(NewProject(path="p"))
    params = [RunParam(f"p{n}", text) for n, text in enumerate(PLANTED)] + [
        RunParam("api_key", "plantedhorse7"),
        RunParam("max_tokens", 512),
    ]
    made = space.tracking.create_run(
        NewRun(project="p", name="x " + PLANTED[11], purpose=PLANTED[12], params=params, tags={"t": PLANTED[8]})
    )
    assert made.params["max_tokens"] == 512
    assert made.params["api_key"] == "[redacted:param]"
    space.close()
    assert {(place, core) for place, data in _stored(tmp_path / "ws") for core in _found(data)} == set()
