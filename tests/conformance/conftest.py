"""Each test gets a fresh team in one of four long-lived stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runward.testing.worlds import World
from tests.conformance.places import NAMES, Places


@pytest.fixture(scope="session")
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    found = Places(request, tmp_path_factory)
    yield found
    found.close()


_MARKS = {name: [pytest.mark.postgres] if "postgres" in name else [] for name in NAMES}


@pytest.fixture(params=[pytest.param(name, marks=_MARKS[name]) for name in NAMES])
def world(request: pytest.FixtureRequest, places: Places) -> World:
    return places.world(request.param)
