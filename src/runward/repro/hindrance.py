"""What kept a rerun from ending as the run did, though it says nothing about the result: it lacked something."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from runward.repro.rerun import RerunOutcome

_TAIL = 1 << 16
_KILLED = (-9, 137)
_LACKS = {
    r"Temporary failure in name resolution|Name or service not known|nodename nor servname|Network is unreachable|"
    r"Could not resolve host|Failed to resolve|No address associated with hostname": (
        "it asked for the network, which a rerun has only with --network"
    ),
    r"(?i)no cuda gpus are available|found no nvidia driver|no cuda-capable device|not compiled with cuda enabled|"
    r"cuda driver version is insufficient|no gpu\b.*(?:found|available)": "it needs a GPU, and found none here",
    r"No space left on device|Disk quota exceeded": "the disk was full",
    r"Cannot allocate memory|\bMemoryError\b|std::bad_alloc": "there was not enough memory",
}
"""What programs print when they lack something, and what that is."""
_NO_FILE = re.compile(r"No such file or directory: '([^'\n]+)'")


def hindrance(outcome: RerunOutcome, exit_code: int, masked: Sequence[str], known: Collection[str]) -> str:
    """What the machine lacked, in words; empty where the rerun ended as the run did or failed by itself.

    Args:
        outcome: How the rerun went.
        exit_code: Of the run itself.
        masked: Files of its code whose secrets were not recorded: what needs them fails.
        known: Every file that was recorded of the run: its code, what it read, what it left. A run that takes its own
            input away leaves nothing to record of it.
    """
    if outcome.out_of_space:
        return "the rerun was ended: it was about to fill the disk"
    if outcome.timed_out or outcome.exit_code in (0, exit_code):
        return ""
    if outcome.exit_code in _KILLED:
        return "the rerun was killed by the system, which happens where memory runs out"
    with open(outcome.stderr_path, "rb") as file:
        file.seek(max(0, outcome.stderr_path.stat().st_size - _TAIL))
        said = file.read().decode(errors="replace")
    found = next((what for pattern, what in _LACKS.items() if re.search(pattern, said)), "")
    lost = (_NO_FILE.findall(said) or [""])[-1]
    if not found and lost and not any(name.endswith(lost.removeprefix("./")) for name in known):
        found = f"it found no {lost}, of which nothing was recorded: the run may have taken it away before it ended"
    if not found and masked:
        more = f" and {len(masked) - 3} more" if len(masked) > 3 else ""
        found = (
            f"secrets in {', '.join(masked[:3])}{more} were not recorded; have the code read them from the environment"
        )
    return f"the rerun failed: {found}" if found else ""
