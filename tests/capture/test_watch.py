"""Watching a command: what its processes leave, what the shim sees, and what happens where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runward.core.witness import SUFFIX
from runward.testing.plugin import missing
from runward.tracking.capture import preload
from runward.tracking.capture.preload import Shim, shim
from runward.tracking.capture.watch import Testimony, asked_for, hear, seeding_environment, watched_environment
from tests.extras import needs
from tests.repro.corpus.workshop import make_data

READERS = """
import gzip, mmap, os, sqlite3, subprocess
open("data/words.txt").close()
os.close(os.open("data/table.csv", os.O_RDONLY))
sqlite3.connect("data/table.db").execute("select count(*) from t").fetchall()
subprocess.run(["cat", "data/train.tsv"], stdout=subprocess.DEVNULL, check=True)
with open("out.txt", "w") as file:
    file.write("made here")
open("out.txt").read()
os.rename("out.txt", "kept.txt")
"""
NATIVE = """
import lightgbm, numpy, pandas, polars, h5py, xgboost
from pyarrow import parquet
numpy.save("a.npy", numpy.arange(3)); numpy.savez("a.npz", x=numpy.arange(3))
pandas.DataFrame({"x": [1]}).to_csv("a.csv.gz")
"""
READ_NATIVE = """
import lightgbm, numpy, pandas, polars, h5py, xgboost, sqlite3, os, subprocess
from pyarrow import parquet
numpy.load("a.npy"); numpy.load("a.npz")["x"]; numpy.memmap("data/table.f8", dtype="f8", mode="r")[0]
pandas.read_csv("data/table.csv"); pandas.read_csv("a.csv.gz")
sqlite3.connect("data/table.db").execute("select count(*) from t").fetchall()
os.close(os.open("config.yaml", os.O_RDONLY))
subprocess.run(["cat", "data/words.txt"], stdout=subprocess.DEVNULL, check=True)
lightgbm.Dataset("data/train.tsv", params={"verbose": -1}).construct()
xgboost.DMatrix("data/train.libsvm?format=libsvm")
parquet.read_table("data/table.parquet")
h5py.File("data/table.h5")["x"][0]
polars.read_csv("b.csv")
"""


def watch(folder: Path, code: str, native: Shim, **variables: str) -> Testimony:
    """Run code in a watched process and hear what it says."""
    ears = folder / "ears"
    ears.mkdir(exist_ok=True)
    env = {**os.environ, **variables}
    env |= seeding_environment(7, env) | watched_environment(ears, env, native)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return hear(ears)


@pytest.fixture
def built() -> Shim:
    """The shim of this machine."""
    found = shim()
    if found.path is None:
        missing(found.reason)
    return found


def seen(found: Testimony, folder: Path) -> dict[str, tuple[bool, str]]:
    """What was opened below a folder, by relative path."""
    return {os.path.relpath(path, folder): what for path, what in found.opened.items() if path.startswith(str(folder))}


def test_reads_of_a_process_and_its_children(tmp_path: Path, built: Shim) -> None:
    """Whoever opens them; what the run made itself is written first, and stays so when it is read again."""
    (tmp_path / "data").mkdir()
    make_data(tmp_path / "data")
    opened = seen(watch(tmp_path, READERS, built), tmp_path)
    assert opened["data/words.txt"] == opened["data/table.csv"] == opened["data/table.db"] == (False, "both")
    assert opened["data/train.tsv"] == (False, "preload")
    assert opened["out.txt"][0]
    assert opened["kept.txt"] == (True, "audit-hook")


def test_without_the_shim_the_audit_hook_stays(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    make_data(tmp_path / "data")
    found = watch(tmp_path, READERS, Shim(None, "none here"))
    opened = seen(found, tmp_path)
    assert opened["data/words.txt"] == (False, "audit-hook")
    assert "data/train.tsv" not in opened
    assert not found.native


@pytest.mark.slow
def test_all_thirteen_readers_are_seen(tmp_path: Path, built: Shim) -> None:
    for module, group in (
        ("lightgbm", "frameworks"),
        ("xgboost", "frameworks"),
        ("polars", "tables"),
        ("h5py", "corpus"),
    ):
        needs(module, group)
    (tmp_path / "data").mkdir()
    make_data(tmp_path / "data")
    (tmp_path / "config.yaml").write_text("a: 1")
    (tmp_path / "b.csv").write_text("a\n1\n")
    subprocess.run([sys.executable, "-c", NATIVE], cwd=tmp_path, check=True, timeout=300)
    opened = seen(watch(tmp_path, READ_NATIVE, built), tmp_path)
    data = [f"data/table.{kind}" for kind in ("f8", "csv", "db", "parquet", "h5")]
    others = [
        "a.npy",
        "a.npz",
        "a.csv.gz",
        "config.yaml",
        "data/words.txt",
        "data/train.tsv",
        "data/train.libsvm",
        "b.csv",
    ]
    assert {name for name in [*data, *others] if opened.get(name, (True, ""))[0]} == set()
    unhooked = {name for name in [*data, *others] if opened[name][1] == "preload"}
    assert unhooked >= {"data/words.txt", "data/train.tsv", "data/train.libsvm"}


def test_a_process_says_what_it_is(tmp_path: Path) -> None:
    """Interpreter, modules, and the variables that it asked for; copying all of them asks for none."""
    code = "import os, json, click\nos.environ['ASKED']; dict(os.environ); os.environ.copy(); os.environ.get('UNSET')"
    found = watch(tmp_path, code, Shim(None), ASKED="1", IGNORED="2")
    assert found.python["executable"] == sys.executable
    assert found.python["prefix"] == sys.prefix
    assert any(path.endswith("click/__init__.py") for path in found.modules)
    assert not any(path.endswith("/json/__init__.py") for path in found.modules)
    assert {"ASKED"} == {"ASKED", "IGNORED", "UNSET"} & set(found.variables)
    assert asked_for(["ASKED", "HOME", "TZ"], {"TZ": "UTC"}) == ["ASKED"]


def test_every_generator_is_seeded_and_children_draw_their_own(tmp_path: Path) -> None:
    """The same in a second start; a child process does not repeat its parent's numbers."""
    child = "import random; print(random.random())"
    code = f"import random, subprocess, sys\nprint(random.random(), hash('a'))\nsubprocess.run([sys.executable, '-c', {child!r}])"
    printed = []
    for name in ("a", "b"):
        ears = tmp_path / name
        ears.mkdir()
        env = {**os.environ, **seeding_environment(7, {}), **watched_environment(ears, {}, Shim(None))}
        run = subprocess.run([sys.executable, "-uc", code], env=env, capture_output=True, text=True, timeout=60)
        printed.append(run.stdout.split())
    assert printed[0] == printed[1]
    assert len(printed[0]) == 3
    assert printed[0][0] != printed[0][2]


def test_new_style_generators_without_a_seed_are_seeded(tmp_path: Path) -> None:
    needs("numpy")
    code = "import numpy as np; a, b = np.random.default_rng(), np.random.default_rng(); print(a.random(), b.random())"
    printed = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        env = {**os.environ, **seeding_environment(7, {}), **watched_environment(tmp_path / name, {}, Shim(None))}
        run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
        printed.append(run.stdout.split())
    assert printed[0] == printed[1]
    assert printed[0][0] != printed[0][1]


WORKERS = """
import multiprocessing, os, time
def work(_):
    time.sleep(0.2)
    return os.getpid()
if __name__ == "__main__":
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            print(*set(pool.map(work, range(4), 1)))
    print(os.getpid())
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        os._exit(0)
    os.wait()
"""


def test_the_ids_of_workers_that_say_nothing_are_known(tmp_path: Path) -> None:
    """A pool ends its workers before they could leave a word, and their ids are printed all the same."""
    (tmp_path / "workers.py").write_text(WORKERS)
    (tmp_path / "ears").mkdir()
    env = {**os.environ, **watched_environment(tmp_path / "ears", {}, Shim(None))}
    done = subprocess.run(
        [sys.executable, "workers.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = hear(tmp_path / "ears")
    assert set(done.stdout.split()) <= set(found.pids)
    assert len(set(done.stdout.split())) >= 4
    assert list((tmp_path / "ears").iterdir()) == []


def test_what_is_left_behind_is_data_whoever_wrote_it(tmp_path: Path) -> None:
    """A file that is no testimony is passed over, and all are cleared away."""
    (tmp_path / f"1{SUFFIX}").write_text("__import__('os').system('false')")
    (tmp_path / f"2{SUFFIX}").write_text("{'threads': {'torch': 2}}")
    (tmp_path / "0.order").touch()
    (tmp_path / "processes.pids").write_bytes(b"12\nno id\n\xff\n7\n")
    found = hear(tmp_path)
    assert (found.threads, found.pids) == ({"torch": 2}, ["1", "12", "2", "7"])
    assert list(tmp_path.iterdir()) == []


def test_the_shim_is_built_once_and_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shim().path is None:
        missing("a C compiler is needed to build the shim")
    first = shim(tmp_path)
    assert first.path is not None
    before = first.path.stat().st_mtime_ns
    assert shim(tmp_path) == first
    assert first.path.stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == [first.path.name]
    monkeypatch.setattr("runward.tracking.capture.preload.shutil.which", lambda name: None)
    assert "no C compiler" in shim(tmp_path / "other").reason
    monkeypatch.setenv(preload.SWITCH, "0")
    assert shim(tmp_path).path is None


def test_a_compiler_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runward.tracking.capture.preload.shutil.which", lambda name: "/bin/false")
    found = shim(tmp_path / "new")
    assert (found.path, "failed" in found.reason) == (None, True)
    assert list((tmp_path / "new").iterdir()) == []
