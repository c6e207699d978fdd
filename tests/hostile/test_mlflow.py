"""The MLflow protocol under hostile values: every field of every route takes each of them in turn."""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.hostile.conftest import Told
from tests.hostile.values import TEXTS, VALUES
from tests.permissions.site import OWN, Asking, Open
from tests.permissions.test_mlflow import _COMMON, _LISTS, _SPECIAL, ROOT, ROUTES, Things

INPUTS = int(os.environ.get("RUNWARD_HOSTILE_INPUTS", "30"))
"""For each route, chosen by lot; the full round tries all."""


def _target(route: tuple[str, str], values: dict[str, Any]) -> tuple[str, bytes | None]:
    method, pattern = route

    def in_path(match: re.Match[str]) -> str:
        text = str(values.get(match[1], "kept"))[:5000]
        return quote(text.encode("utf-8", "surrogatepass"), safe="") or "kept"

    path = ROOT + re.sub(r"\(\?P<(\w+)>[^)]*\)", in_path, pattern)
    if method != "GET":
        return path, json.dumps(values).encode()
    plain = {k: v for k, v in values.items() if not isinstance(v, dict | list)}
    query = [(k, str(v)[:5000].encode("utf-8", "surrogatepass")) for k, v in plain.items()]
    query += [(k, one) for k in _LISTS if isinstance(values[k], list) for one in values[k][:20]]
    return f"{path}?{urlencode(query)}", None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
def test_no_value_breaks_a_route(opened: Open, things: dict[str, Things], route: tuple[str, str], told: Told) -> None:
    """An answer or a refusal in MLflow's words, never a fault of the server's."""
    own = things[OWN]
    values = {**_COMMON, **own.values, **(_SPECIAL[route[1]](own) if route[1] in _SPECIAL else {})}
    cases = [(key, value) for key in values for value in (TEXTS if route[0] == "GET" else VALUES)]
    cases += (
        [("tags", value) for value in VALUES] + [("filter", t) for t in TEXTS] + [("start_time", v) for v in VALUES]
    )
    chosen = cases if len(cases) <= INPUTS else random.Random(f"{route}").sample(cases, INPUTS)
    counts, wrong = dict.fromkeys(["inputs", "taken", "refused", "broken"], 0), dict[str, str]()
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    for key, value in chosen:
        target, body = _target(route, {**values, key: value})
        found = asking.send(route[0], target, body, {"Content-Type": "application/json"})
        counts["inputs"] += 1
        counts["taken" if found.status < 400 else "refused" if found.status not in (500, 503) else "broken"] += 1
        if found.status in (500, 502, 503):
            wrong.setdefault(f"{found.status} {found.text[:200]}", f"{key}={value!r:.200}")
    asking.close()
    told("mlflow", " ".join(route), {**counts, "wrong": wrong})
    assert wrong == {}
