"""How far the checklist agrees with a reader on public research files: `python -m tests.review.agreement FOLDER`.

FOLDER holds checkouts as OWNER/NAME. ``reader_verdicts.csv`` has what a reader said of each file before the tool was
asked, by letters (p pass, f fail) in the order of the checklist. Set A was read while the checks were written, the others
before the tool had seen them; what they then showed was mended, so none of them is untouched now.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from runward.review.checks import ITEMS, check_code
from runward.review.code.tree import folder_tree

VERDICTS = Path(__file__).with_name("reader_verdicts.csv")


def compare(folder: Path) -> Counter[tuple[str, str, str]]:
    """Counts by item, the reader's letter and the tool's."""
    found: Counter[tuple[str, str, str]] = Counter()
    for row in csv.DictReader(VERDICTS.open(encoding="utf-8")):
        root = folder / row["repository"]
        text = (root / row["file"]).read_text(encoding="utf-8", errors="replace")
        results = check_code({row["file"]: text}, {row["file"]: row["file"]}, folder_tree(root)).results
        said = {result.name: result.verdict[0] for result in results}
        for item, letter in zip(ITEMS, row["verdicts"], strict=True):
            found[item, letter, said[item]] += 1
            if letter != said[item]:
                print(f"{row['repository']} {row['file']}: {item}: reader {letter}, tool {said[item]}")
    return found


if __name__ == "__main__":
    counts = compare(Path(sys.argv[1]))
    same = sum(n for (_, reader, tool), n in counts.items() if reader == tool)
    wrong = sum(n for (_, reader, tool), n in counts.items() if (reader, tool) == ("f", "p"))
    print(f"{same} of {counts.total()} agree ({same / counts.total():.3f}), {wrong} false passes")
