"""Runs side by side, and the code that they ran with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.store.blobs import check_digest
from runward.store.database import Tx
from runward.tracking import repository as sql
from runward.tracking.api import Tracking
from runward.tracking.codediff import MAX_BYTES, changed_files, code_text, environment_of, file_changes
from runward.tracking.model import CodeFile, ComparedRow, Comparison, FileChange, Plain, Run


class Comparing:
    """The part of the service that reads code and sets runs beside each other."""

    call: Call
    tx: Tx

    def compare(self, run_ids: list[str]) -> Comparison:
        """See the contract."""
        if not 1 <= len(run_ids) <= 200:
            raise InvalidError(f"{len(run_ids)} runs were given; 1 to 200 can be compared")
        runs = [self.call.use(Tracking).resolve_run(ref) for ref in run_ids]
        captures = [{str(part.kind): part for part in sql.captures(self.tx, run.id)} for run in runs]
        environment = [environment_of(found.values()) for found in captures]
        code = [self.call.blobs.read(found["code"].digest) for found in captures[:2] if "code" in found]
        return Comparison(
            runs=runs,
            params=_rows([run.params for run in runs]),
            metrics=_rows([{k: _shown(m) for k, m in run.metrics.items()} for run in runs]),
            environment=_rows(environment),
            code=changed_files(self._reader(runs[:2]), code[0], code[1]) if len(code) == 2 else [],
        )

    def code_file(self, run_id: str, path: str) -> CodeFile:
        """See the contract."""
        captured = self._code(run_id)
        found = code_text(self._reader([sql.run(self.tx, run_id)]), captured, path) if captured else None
        if found is None:
            raise NotFoundError(f"no file {path[:200]!r} was captured with run {run_id}", hint="see the run's Code tab")
        return found

    def uncommitted(self, run_id: str) -> list[FileChange]:
        """See the contract."""
        captured = self._code(run_id)
        return file_changes(self._reader([sql.run(self.tx, run_id)]), captured) if captured else []

    def _code(self, run_id: str) -> bytes:
        """The document on the captured code; empty where none was captured."""
        code = next((part for part in sql.captures(self.tx, run_id) if part.kind == "code"), None)
        return self.call.blobs.read(code.digest) if code else b""

    def _reader(self, runs: list[Run]) -> Callable[[str], bytes | None]:
        projects = {run.project_id for run in runs}

        def read(digest: str) -> bytes | None:
            sizes = [sql.blob_size(self.tx, project, digest) for project in projects]
            if all(size is None or size > MAX_BYTES for size in sizes):
                return None
            if not all(self.call.may_show(digest, ("run", run.id)) for run in runs):
                return None
            return self.call.blobs.read(check_digest(digest))

        return read


def _shown(metric: Any) -> Plain:
    return metric.last_special or metric.last


def _rows(columns: list[dict[str, Plain]]) -> list[ComparedRow]:
    keys = sorted({key for column in columns for key in column})
    rows = []
    for key in keys:
        values = [column.get(key) for column in columns]
        rows.append(ComparedRow(key, values, differs=len({json.dumps(v, sort_keys=True) for v in values}) > 1))
    return rows
