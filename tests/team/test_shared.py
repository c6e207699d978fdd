"""Shared configurations in code, in tasks and in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runward as run
from runward import face
from runward.config.buildable import Partial
from runward.errors import InvalidError, NotFoundError, StoreError
from runward.governance.scopes import Clause
from runward.knowledge import libraries_repository as sql
from runward.knowledge.libraries_api import Libraries
from runward.team.library import TeamConfigLibrary
from runward.team.shared import read_copy, upgrade_copy, write_copy
from runward.workspace import FolderWorkspace
from tests.team.stages import entry

_NAME = "team/net"


def _publish(version: str, **values: Any) -> None:
    run.publish_library(_NAME, values, version)


def _params(run_id: str) -> dict[str, tuple[Any, str]]:
    face.sync()
    return {p.key: (p.value, p.origin) for p in face.current_workspace().tracking.get_run(run_id).params}


def _used() -> dict[str, tuple[int, int]]:
    found = face.current_workspace().libraries.list_releases(_NAME)
    return {release.version: (release.runs, release.experiments) for release in found}


def test_the_presets_of_the_documents_can_be_shared() -> None:
    """A dataclass, a mapping, or a Partial, which becomes a component; each size is counted by itself."""
    for size in ("small", "base", "large"):
        config = TeamConfigLibrary.get_transformer_config(size)
        made = run.publish_library(f"team/transformer-{size}", config, "1.0.0", docs=f"The {size} one.")
        assert made.document["hidden_sizes"] == config.hidden_sizes
        assert run.use_library(f"team/transformer-{size}")["model_type"] == "transformer"
    component = run.publish_library("team/entry", Partial(entry, rate=0.5), "1.0.0")
    assert (component.kind, component.document["_target_"]) == ("component", "tests.team.stages.entry")
    with pytest.raises(InvalidError, match="a mapping"):
        run.publish_library("team/x", [1], "1.0.0")


def test_a_script_that_uses_a_version_records_it() -> None:
    """In its params with the origin of each value, and as a tag by which uses are counted."""
    _publish("1.0.0", layers=12, opt={"lr": 0.1})
    _publish("1.1.0", layers=12, opt={"lr": 0.2})
    model = run.use_library(_NAME, "^1.0", layers=6)
    with run.start("one", params={"model": model, "seed": 1}) as active:
        pass
    assert _params(active.id) == {
        "model.layers": (6, "run"),
        "model.opt.lr": (0.2, f"library {_NAME} 1.1.0"),
        "seed": (1, "run"),
    }
    with run.start("two"):
        run.use_library(_NAME, "1.0.0")
    with run.start("three"):
        run.log_params(run.use_library(_NAME, "1.0.0"))
    face.sync()
    assert _used() == {"1.1.0": (1, 0), "1.0.0": (2, 0)}
    with run.start("four"):
        pass
    face.sync()
    assert _used() == {"1.1.0": (1, 0), "1.0.0": (2, 0)}


def test_a_task_that_uses_a_version_records_it() -> None:
    """Inside a Partial, as its parameters, or as the component that it calls."""
    _publish("1.0.0", rate=0.5)
    run.publish_library("team/entry", Partial(entry, rate=0.25), "1.0.0")
    experiment = run.Experiment("e", entry=entry)
    experiment.add(Partial(entry, rate=1, model=run.use_library(_NAME)), name="inside")
    experiment.add(run.use_library(_NAME), name="as-parameters")
    experiment.add(run.use_library("team/entry"), name="component")
    results = experiment.run()
    assert results.tasks["component"].metrics["accuracy"] == 0.25
    assert _used() == {"1.0.0": (2, 1)}
    assert _params(results.tasks["as-parameters"].run_id or "")["rate"] == (0.5, f"library {_NAME} 1.0.0")
    assert face.current_workspace().libraries.get_item("team/entry").uses == 1


def test_uses_are_found_by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither all runs nor all tags are read."""
    space, plan = face.current_workspace(), list[str]()
    assert isinstance(space, FolderWorkspace)
    everything = Clause("(SELECT id FROM projects)", ())
    with space.dispatcher.database.transaction(write=False) as tx:
        real = tx.all

        def explain(statement: str, params: Any = ()) -> Any:
            plan.extend(str(row[3]) for row in real(f"EXPLAIN QUERY PLAN {statement}", params))
            return []

        monkeypatch.setattr(tx, "all", explain)
        sql.uses(tx, _NAME, everything)
        sql.using(tx, _NAME, "", everything, 10)
        sql._all_uses(tx, everything)
    assert sum(" INDEX tags_by_text (key" in step for step in plan) == 3
    assert not [step for step in plan if step.startswith("SCAN") and "projects" not in step]


def test_a_version_that_was_used_can_be_used_while_the_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    _publish("1.0.0", layers=12)
    space = face.current_workspace()
    monkeypatch.setattr(type(space), "is_remote", property(lambda self: True))
    run.use_library(_NAME)

    def away(*args: Any) -> Any:
        raise StoreError("the server is away")

    libraries = type("Away", (), {name: away for name in vars(Libraries) if not name.startswith("_")})()
    monkeypatch.setattr(space, "libraries", libraries)
    assert run.use_library(_NAME, "^1.0") == {"layers": 12}
    with pytest.raises(NotFoundError, match="no version"):
        run.use_library(_NAME, "^2.0")
    with pytest.raises(StoreError):
        run.use_library("team/never-seen")


def test_a_copy_in_a_file_tells_what_was_changed(tmp_path: Path) -> None:
    _publish("1.0.0", layers=12, opt={"lr": 0.1, "name": "adam"})
    path = tmp_path / "net.yaml"
    write_copy(path, face.current_workspace().libraries.get_release(_NAME), {"layers": 6, "opt": {"lr": 0.1}})
    found = run.load_settings(path)
    assert found == {"layers": 6, "opt": {"lr": 0.1}}
    assert found.origins == {"layers": "file net.yaml", "opt.lr": f"library {_NAME} 1.0.0"}
    assert found.libraries == {_NAME: "1.0.0"}
    path.write_text("layers: 3\n")
    with pytest.raises(InvalidError, match="no copy of a shared"):
        run.load_settings(path)


def test_a_copy_is_brought_up_to_date_key_by_key(tmp_path: Path) -> None:
    """What only the team changed is taken, what only I changed stays, and what both changed is asked."""
    _publish("1.0.0", layers=12, width=768, dropout=0.1, sizes=[1, 2])
    _publish("1.1.0", layers=24, width=768, dropout=0.2, sizes=[1, 2], act="gelu")
    libraries, path = face.current_workspace().libraries, tmp_path / "net.yaml"
    mine = {"layers": 12, "width": 512, "dropout": 0.3, "sizes": [1, 2], "mine": True}
    write_copy(path, libraries.get_release(_NAME, "1.0.0"), mine)
    before = path.read_bytes()
    found = upgrade_copy(path)
    assert [(one.key, one.base, one.mine, one.new) for one in found.merged.conflicts] == [("dropout", 0.1, 0.3, 0.2)]
    assert (found.written, path.read_bytes()) == (False, before)
    assert upgrade_copy(path, prefer="mine").written
    copy = read_copy(path)
    assert (copy.name, copy.version) == (_NAME, "1.1.0")
    assert copy.values == {
        "layers": 24,
        "width": 512,
        "dropout": 0.3,
        "sizes": [1, 2],
        "mine": True,
        "act": "gelu",
    }
    assert not upgrade_copy(path).written
    write_copy(path, libraries.get_release(_NAME, "1.0.0"), mine)
    assert upgrade_copy(path, "^1", "new").merged.values["dropout"] == 0.2


def test_a_template_is_not_used_as_parameters() -> None:
    release = run.publish_library("team/exp", {"files": {"a.py": "x = 1\n"}}, "1.0.0", kind="template")
    assert release.kind == "template"
    with pytest.raises(InvalidError, match="is a template"):
        run.use_library("team/exp")
