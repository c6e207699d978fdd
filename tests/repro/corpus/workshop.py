"""A folder of foreign scripts with their data, run and verified as a stranger would: by the command line."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

SCRIPTS = Path(__file__).parent / "scripts"
NEEDS = {
    "h5_spectrum": ("h5py", "numpy"),
    "lgb_binary": ("lightgbm",),
    "np_memmap": ("numpy",),
    "pd_groupby": ("pandas",),
    "pl_parquet": ("polars",),
    "sm_glm": ("statsmodels",),
    "sm_ols": ("statsmodels",),
    "torch_mlp": ("torch",),
    "tqdm_sgd": ("numpy",),
    "xgb_libsvm": ("xgboost",),
    "xgb_sklearn": ("xgboost", "sklearn"),
    "sk_argparse_joblib": ("sklearn",),
    "sk_kmeans_plot": ("sklearn", "matplotlib"),
    "sk_gridsearch": ("sklearn", "pandas"),
}
"""What a script imports; those whose names begin with ``sk_`` need scikit-learn."""
GROUPS = {"h5py": "corpus", "statsmodels": "corpus", "polars": "tables"}


class Answer(NamedTuple):
    """What a command said."""

    code: int
    document: dict[str, Any]
    talk: str


class Workshop:
    """Scripts and data in a repository that ignores its data, and a workspace beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        shutil.copytree(SCRIPTS, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        self.write("config.yaml", "alpha: 0.5\nunused: 1\n")
        self.write(".gitignore", "data/\n*.pkl\n")
        (self.folder / "data").mkdir()
        make_data(self.folder / "data")
        self.commit()
        self.env = {**os.environ, "RUNWARD_DIR": str(folder / "workspace"), "PYTHONWARNINGS": "ignore"}

    def commit(self) -> None:
        """Put everything that is not ignored under version control."""
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *words], cwd=self.folder, check=True)

    def write(self, name: str, text: str) -> Path:
        """Write a file that is older than any run."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file, in one place."""
        text = (self.folder / name).read_text()
        assert text.count(old) >= 1
        self.write(name, text.replace(old, new, 1))

    def runward(self, *words: str, **variables: str) -> Answer:
        """A command of Runward with its JSON answer."""
        done = subprocess.run(
            [sys.executable, "-m", "runward", *words],
            cwd=self.folder,
            env={**self.env, **variables},
            capture_output=True,
            text=True,
            timeout=600,
        )
        return Answer(done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr)

    def run(self, script: str, *arguments: str, options: tuple[str, ...] = (), **variables: str) -> str:
        """Run a script under Runward as ``python SCRIPT``; returns the run's id."""
        words = ("run", "--json", *options, "--", sys.executable, script, *arguments)
        answer = self.runward(*words, **variables)
        assert answer.code == 0, answer.talk
        return str(answer.document["run"])

    def verify(self, ref: str, *options: str) -> Answer:
        """Verify a run in the interpreter that it used."""
        return self.runward("verify", ref, "--json", "--level", "basic", *options)


def scripts() -> list[str]:
    """The names of the corpus's scripts."""
    return sorted(path.stem for path in SCRIPTS.glob("*.py"))


def needed(script: str) -> tuple[str, ...]:
    """The modules that a script needs beyond the standard library."""
    return NEEDS.get(script, ("sklearn",) if script.startswith("sk_") else ())


def make_data(folder: Path, rows: list[list[float]] | None = None, only: str = "") -> None:
    """One table in many formats, and some words; or a table of other rows in one of the formats."""
    rows = table() if rows is None else rows
    place = folder
    with tempfile.TemporaryDirectory() as scratch:
        if only:
            place = Path(scratch)
        _make_text(place, rows)
        _make_native(place, rows)
        for path in place.iterdir():
            os.utime(path, (1_600_000_000, 1_600_000_000))
        if only:
            shutil.copy2(place / only, folder / only)


def table() -> list[list[float]]:
    """200 rows of four inputs and one output."""
    draw = random.Random(0).gauss
    rows = [[draw(0, 1) for _ in range(4)] for _ in range(200)]
    return [[*row, row[0] + 2 * row[1] - row[2] + 0.5 * row[3] + draw(0, 0.1)] for row in rows]


def _make_text(folder: Path, rows: list[list[float]]) -> None:
    with open(folder / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows([["x0", "x1", "x2", "x3", "y"], *([f"{cell:.6f}" for cell in row] for row in rows)])
    (folder / "table.f8").write_bytes(b"".join(struct.pack("<5d", *row) for row in rows))
    (folder / "words.txt").write_text(" ".join(f"word{number}" for number in range(100)))
    lines = [(int(row[4] > 0), [f"{cell:.6f}" for cell in row[:4]]) for row in rows]
    (folder / "train.tsv").write_text("".join("\t".join([str(label), *cells]) + "\n" for label, cells in lines))
    numbered = [" ".join([str(label), *(f"{n}:{cell}" for n, cell in enumerate(cells, 1))]) for label, cells in lines]
    (folder / "train.libsvm").write_text("\n".join(numbered) + "\n")
    with sqlite3.connect(folder / "table.db") as database:
        database.execute("create table t (x0, x1, x2, x3, y)")
        database.executemany("insert into t values (?, ?, ?, ?, ?)", rows)
    database.close()


def _make_native(folder: Path, rows: list[list[float]]) -> None:
    """The formats whose writers are installed; scripts that need another are skipped for the same reason."""
    if importlib.util.find_spec("numpy"):
        import numpy as np

        np.save(folder / "table.npy", np.array(rows))
    if importlib.util.find_spec("polars"):
        import polars as pl

        pl.DataFrame(rows, schema=["x0", "x1", "x2", "x3", "y"], orient="row").write_parquet(folder / "table.parquet")
    if importlib.util.find_spec("h5py"):
        import h5py

        with h5py.File(folder / "table.h5", "w") as file:
            file["x"] = rows
