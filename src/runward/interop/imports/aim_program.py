"""Reads an Aim repository with Aim itself; run by a Python that has Aim, which need not have Runward.

Started as ``python aim_program.py REPOSITORY``. It answers each line on its input by a line of JSON on its output:
``heads`` by ``[[hash, experiment, points, facts, problem], …]``, and a run's hash by the run. Numbers of a series travel as base64
of little-endian int64 and float64.
"""

from __future__ import annotations

import base64
import json
import os
import struct
import sys
from typing import Any


def packed(code: str, numbers: list[Any]) -> str:
    """Numbers as base64."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}{code}", *numbers)).decode()


def plain(value: Any) -> Any:
    """What JSON cannot say, by its kind: it must not differ from one reading to the next."""
    return value.tolist() if hasattr(value, "tolist") else f"<{type(value).__name__}>"


class Reader:
    """The runs of a repository."""

    def __init__(self, path: str) -> None:
        import aim

        self.repo = aim.Repo.from_path(path)

    def tree(self, part: str, run: str) -> Any:
        """A run's own storage; what Aim shows is an index that may not have it yet."""
        return self.repo.request_tree(part, run, read_only=True).subtree(part)

    def meta(self, run: str) -> Any:
        """What is kept about a run but its series."""
        try:
            return self.tree("meta", run).subtree(("chunks", run)).collect()
        except KeyError:
            return {}

    def heads(self) -> list[Any]:
        """All runs, with what changes when they do."""
        return [self.head(run) for run in sorted(self.repo.list_all_runs())]

    def head(self, run: str) -> list[Any]:
        """Hash, experiment, about how many points, what changes; or why it cannot be read."""
        try:
            props, meta = self.repo.structured_db.find_run(run), self.meta(run)
            traces = [facts for names in meta.get("traces", {}).values() for facts in names.values()]
            points = sum(int(facts.get("last_step", 0)) + 1 for facts in traces)
            told = [self.props(props), {key: value for key, value in meta.items() if key != "contexts"}]
            return [run, props.experiment or "", points, json.dumps(told, default=plain, skipkeys=True), ""]
        # As in main.
        except Exception as error:  # noqa: BLE001
            return [run, "", 0, "", f"{type(error).__name__}: {error}"]

    def props(self, props: Any) -> dict[str, Any]:
        """What people have said of a run."""
        return {
            "name": props.name or "",
            "experiment": props.experiment or "",
            "description": props.description or "",
            "archived": bool(props.archived),
            "tags": sorted(str(getattr(tag, "name", tag)) for tag in props.tags),
            "created": props.creation_time,
        }

    def run(self, run: str) -> dict[str, Any]:
        """A run in whole."""
        meta = self.meta(run)
        told = {"props": self.props(self.repo.structured_db.find_run(run)), "end": meta.get("end_time")}
        attrs = dict(meta.get("attrs", {}))
        told["system"] = len(attrs.pop("__system_params", None) or ())
        told.update(attrs=attrs, series=[], media=[], lines=[], epochs=0)
        told["artifacts"] = [
            [str(name), str(getattr(item, "uri", ""))] for name, item in meta.get("artifacts", {}).items()
        ]
        series = self.tree("seqs", run)
        for context, names in meta.get("traces", {}).items():
            for name, facts in names.items():
                version = facts.get("version", 1)
                where = ("chunks", run) if version == 1 else (f"v{version}", "chunks", run)
                tree = series.subtree(where).subtree((context, name))
                self.sequence(told, tree, version, name, meta.get("contexts", {}).get(context) or {})
        return told

    def sequence(self, told: dict[str, Any], tree: Any, version: int, name: str, context: Any) -> None:
        """Add what was tracked under a name in a context."""
        values = dict(tree.array("val").items())
        steps = dict(tree.array("step").items()) if version > 1 else {key: key for key in values}
        times = dict(tree.array("time").items())
        told["epochs"] += any(epoch is not None for epoch in tree.array("epoch").values())
        created = told["props"]["created"]
        rows = [(steps[key], times.get(key) or created, value) for key, value in values.items()]
        rows.sort(key=lambda row: row[0])
        if rows and all(isinstance(row[2], (int, float)) for row in rows):
            told["series"].append(
                [name, context, packed("q", [row[0] for row in rows]), packed("d", [row[1] for row in rows]),
                 packed("d", [float(row[2]) for row in rows])]
            )  # fmt: skip
            return
        for step, at, value in rows:
            for one in value if isinstance(value, (list, tuple)) else [value]:
                self.thing(told, name, context, step, at, one)

    def thing(self, told: dict[str, Any], name: str, context: Any, step: int, at: float, value: Any) -> None:
        """Add a value that is no number."""
        kind = type(value).__name__
        if kind == "LogLine":
            told["lines"].append([at, str(value.data)])
            return
        content, extension = b"", ""
        if kind == "Text":
            content, extension = value.data.encode("utf-8", "replace"), "txt"
        elif kind == "Image":
            content, extension = value.storage["data"].load(), str(value.format).lower()
        elif kind == "Audio":
            content, extension = value.get().getvalue(), value.storage["format"]
        elif kind == "Figure":
            content, extension = json.dumps(value.storage["data"].load(), default=plain).encode(), "plotly"
        elif kind == "Distribution":
            low, high = value.range
            edges = [low + (high - low) * n / value.bin_count for n in range(value.bin_count)] + [high]
            content = json.dumps({"edges": edges, "counts": value.weights.tolist()}).encode()
            extension = "histogram"
        told["media"].append([kind, name, context, step, extension, base64.b64encode(content).decode()])


def main() -> None:
    """Answer until there is nothing more to answer."""
    del sys.path[0]  # Beside this file lies another aim.
    # Aim prints; only answers may stand on the output.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)
    reader = None
    for line in sys.stdin:
        try:
            reader = reader or Reader(sys.argv[1])
            asked = line.strip()
            answer: dict[str, Any] = {"heads": reader.heads()} if asked == "heads" else reader.run(asked)
        # Aim raises anything, and one run that cannot be read must not cost the others.
        except Exception as error:  # noqa: BLE001
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer, default=plain, skipkeys=True) + "\n")
        answers.flush()
    # Aim's threads do not always end.
    answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()
