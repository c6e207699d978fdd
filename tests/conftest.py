"""What all tests share: slow ones are asked for, and nothing of the developer's own settings leaks in."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import runward.recording  # noqa: F401 - experiments record to a workspace, whichever test is the first
from runward import face
from runward.store.folder import FolderBlobs
from runward.testing.plugin import all_is_wanted
from runward.workspace import FolderWorkspace

# How long an example takes says more of the machine than of the code.
settings.register_profile("runward", deadline=None)
settings.load_profile("runward")
_ON_REQUEST = ("slow", "network")
_UNLESS_NAMED = ("long", "postgres", "browser")
"""Left out of a run of everything only: who names a file wants its tests."""
_POSTGRES = {"postgres_server", "postgres_url"}
_LONG = frozenset(Path(__file__).with_name("long.txt").read_text().splitlines())
_left_out = pytest.StashKey[int]()
_FINDING = "finding"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker what was asked for: to it everything looks named."""
    node.workerinput["is_whole"] = _is_whole(node.config)


def _is_whole(config: pytest.Config) -> bool:
    """Whether no file or test is named, so that everything would run."""
    told: dict[str, bool] | None = getattr(config, "workerinput", None)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS if told is None else told["is_whole"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow or needs a network, unless it is asked for; and of a run of everything what takes its time."""
    for item in items:
        if _POSTGRES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("postgres")
        if item.nodeid.partition("[")[0] in _LONG:
            item.add_marker("long")
    if all_is_wanted() or any(word in str(config.option.markexpr) for word in (*_ON_REQUEST, *_UNLESS_NAMED)):
        return
    kinds = (*_ON_REQUEST, *_UNLESS_NAMED) if _is_whole(config) else _ON_REQUEST
    left_out = [item for item in items if any(item.get_closest_marker(kind) for kind in kinds)]
    items[:] = [item for item in items if item not in set(left_out)]
    config.hook.pytest_deselected(items=left_out)
    config.stash[_left_out] = len(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells the process that reports how many tests it left out: all of them leave out the same."""
    told: dict[str, int] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["left_out"] = session.config.stash.get(_left_out, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep what a worker told; one that died told nothing."""
    if told := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[_left_out] = told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out, so that nobody takes a quick run for the whole."""
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(
            f"{count} tests left out that take long or need more: RUNWARD_TEST_ALL=1 runs them too, naming a file those that are not slow"
        )
    everything = (report for reports in terminalreporter.stats.values() for report in reports)
    said = (of for report in everything for of in getattr(report, "user_properties", ()))
    # A test reports its end and the end of its fixtures, each with all that it said.
    for finding in dict.fromkeys(finding for name, finding in said if name == _FINDING):
        terminalreporter.write_line(finding)


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says something in the summary of the whole run, whether the test passes or not."""
    return partial(record_property, _FINDING)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_developer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home of its own, and no workspace from the environment."""
    home: Path = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "RUNWARD_URL",
            "RUNWARD_TOKEN",
            "RUNWARD_DIR",
            "RUNWARD_PROJECT",
            "RUNWARD_JOURNAL",
            "RUNWARD_DEFAULTS",
        ):
            patch.delenv(name, raising=False)
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("GIT_AUTHOR_NAME", "tester")
        # Tests are no place to ask a package index; those that are about it say so.
        patch.setenv("RUNWARD_PYLOCK", "0")
        # What a shell starts in the background ignores Ctrl-C, and so would all that the tests start and interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield


@pytest.fixture(autouse=True)
def _quiet_upload_log() -> None:
    logging.getLogger("runward.upload").setLevel(logging.ERROR)


def own_blobs(space: FolderWorkspace) -> FolderBlobs:
    """The files of a folder's workspace that is not encrypted."""
    assert isinstance(space.dispatcher.blobs, FolderBlobs)
    return space.dispatcher.blobs


def stop_uploads(space: FolderWorkspace) -> None:
    """End the upload's thread of a workspace: it must not meet a database that is being closed."""
    if uploader := face._uploaders.pop(space.place, None):
        uploader.stop()
        assert uploader._thread is not None
        uploader._thread.join(10)


@pytest.fixture(autouse=True)
def _no_workspace_of_another_test() -> Iterator[None]:
    """A process keeps the workspace that it connected to; each test begins without one."""
    face._current.clear()
    yield
    face._current.clear()
    for uploader in face._uploaders.values():
        uploader.stop()
    face._uploaders.clear()
