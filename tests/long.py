"""Writes tests/long.txt: the tests that a run of everything leaves out, so that it stays near a minute.

``RUNWARD_TEST_ALL=1 uv run pytest --junitxml=report.xml``, then ``uv run python -m tests.long report.xml``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

_LONG_S = 0.25
"""Of 1,700 test functions some 400 take longer, and 85 % of the time of all."""
_ROOT = Path(__file__).parent.parent
_LIST = Path(__file__).with_name("long.txt")


def _node(classname: str, name: str) -> str:
    """The id of a test by what a report calls it, without its parameters."""
    words = classname.split(".")
    last = next(n for n in range(len(words), 0, -1) if _ROOT.joinpath(*words[:n]).with_suffix(".py").is_file())
    return "::".join(["/".join(words[:last]) + ".py", *words[last:], name.partition("[")[0]])


def main(report: str) -> None:
    """Write the list anew from a report of pytest."""
    took: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).iter("testcase"):
        name = str(case.get("name"))
        # Those with PostgreSQL are left out anyway, and others of the same test may be quick.
        if "postgres" not in name:
            node = _node(str(case.get("classname")), name)
            took[node] = max(took[node], float(str(case.get("time"))))
    _LIST.write_text("".join(f"{node}\n" for node in sorted(took) if took[node] >= _LONG_S))


if __name__ == "__main__":
    main(sys.argv[1])
