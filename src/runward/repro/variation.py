"""One emulated change of machine: other threads or other kernels, whose effect on the result is worth knowing."""

from __future__ import annotations

from runward.repro.model import ResultReport, ResultStatus, Variation
from runward.tracking.capture.watch import Testimony

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)
OLDER_KERNELS = {"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
_NEWER = ("skylakex", "cooperlake", "sapphirerapids", "avx512")


def choose(heard: Testimony) -> Variation | None:
    """The variation that tells most about a rerun: AVX2 kernels where newer ones were used, else one thread.

    None where no library that computes in parallel or by chosen kernels was loaded: there is nothing to vary.
    """
    if any(level.lower().startswith(_NEWER) for level in heard.kernels.values()):
        return Variation(name="AVX2 kernels", variables=OLDER_KERNELS)
    if any(count > 1 for count in heard.threads.values()):
        return Variation(name="one thread", variables=ONE_THREAD)
    return None


def outcome(chosen: Variation, result: ResultReport, heard: Testimony) -> Variation:
    """A variation with what came of it."""
    after = {**{name: str(count) for name, count in heard.threads.items()}, **heard.kernels}
    return Variation(
        name=chosen.name, variables=chosen.variables, status=result.status, used=after, detail=_detail(result)
    )


def failed(chosen: Variation, reason: str) -> Variation:
    """A variation that did not come to an end."""
    return Variation(name=chosen.name, variables=chosen.variables, status=ResultStatus.UNDECIDED, detail=reason)


def _detail(result: ResultReport) -> str:
    parts = [f"metric {item.name}: {item.detail}" for item in result.metrics if item.status == "different"]
    parts += [f"{item.name}: {item.detail}" for item in result.artifacts if item.status == "different"]
    if result.stdout and result.stdout.status == "different":
        parts.append(f"printed {result.stdout.detail}")
    return "; ".join(parts[:3])
