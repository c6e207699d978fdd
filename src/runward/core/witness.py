"""What a process says of itself before it ends: its Python, threads, kernels, libraries and modules.

Nothing is imported here that the process has not imported itself, but ``ctypes`` where a BLAS is loaded.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runward.core.opens import OpenedFiles, ReadVariables

SUFFIX = ".witness"
"""How the names of witnesses' files end; the part before is the process's id."""
_OPENBLAS = (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", ""))
_OPENMP = ("libgomp", "libomp", "libiomp")


def testimony(files: OpenedFiles, variables: ReadVariables) -> dict[str, Any]:
    """Everything that this process can say, as plain data, with what was noted of its files and variables."""
    libraries = mapped_libraries()
    threads, kernels, builds = numeric_libraries(libraries)
    return {
        "opened": list(files.stop().items()),
        "written": list(files.written),
        "variables": sorted(variables.names),
        "cwd": _cwd(),
        "python": {
            "version": ".".join(map(str, sys.version_info[:3])) + _phase(),
            "implementation": sys.implementation.name,
            "executable": sys.executable or "",
            "base_executable": getattr(sys, "_base_executable", "") or "",
            "prefix": sys.prefix,
            "base_prefix": sys.base_prefix,
            "path": [path for path in sys.path if type(path) is str],
        },
        "threads": threads,
        "kernels": kernels,
        "builds": builds,
        "libraries": libraries,
        "modules": module_files(),
        "gpu_bytes": torch_gpu_bytes(),
    }


def mapped_libraries() -> list[str]:
    """Shared libraries in this process's memory (Linux); empty elsewhere."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return []
    return sorted({line.split(maxsplit=5)[-1].rstrip("\n") for line in lines if ".so" in line and " /" in line})


def module_files() -> list[str]:
    """The files of the loaded modules that are installed packages' or anybody's own, not Python's."""
    own = os.path.dirname(os.__file__)
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return sorted(
        {
            file
            for file in files
            if type(file) is str and (not file.startswith(own) or "-packages" in file[len(own) : len(own) + 16])
        }
    )


def numeric_libraries(libraries: list[str]) -> tuple[dict[str, int], dict[str, str], dict[str, str]]:
    """Threads, kernel levels and builds of the loaded BLAS and OpenMP libraries and of PyTorch, by library."""
    threads: dict[str, int] = {}
    kernels: dict[str, str] = {}
    builds: dict[str, str] = {}
    for path in libraries:
        name = os.path.basename(path)
        try:
            if "openblas" in name:
                _ask_openblas(path, name, threads, kernels, builds)
            elif name.startswith(_OPENMP):
                threads[name] = _symbol(path, "omp_get_max_threads")()
            elif name.startswith("libmkl_rt"):
                threads[name] = _symbol(path, "mkl_get_max_threads")()
        except (OSError, AttributeError):
            continue  # a library without these doors says nothing
    _ask_torch(threads, kernels)
    return threads, kernels, builds


def _ask_openblas(
    path: str, name: str, threads: dict[str, int], kernels: dict[str, str], builds: dict[str, str]
) -> None:
    import ctypes

    for before, after in _OPENBLAS:
        try:
            config = _symbol(path, f"{before}openblas_get_config{after}")
        except AttributeError:
            continue
        core = _symbol(path, f"{before}openblas_get_corename{after}")
        config.restype = core.restype = ctypes.c_char_p
        kernels[name] = core().decode()
        # The build's own words name the kernel that it chose here, which is another matter.
        builds[name] = " ".join(word for word in config().decode().split() if word != kernels[name])
        threads[name] = _symbol(path, f"{before}openblas_get_num_threads{after}")()
        return


def _symbol(path: str, name: str) -> Any:
    import ctypes

    # RTLD_NOLOAD: only what is loaded already is asked.
    return getattr(ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY), name)


def _ask_torch(threads: dict[str, int], kernels: dict[str, str]) -> None:
    torch: Any = sys.modules.get("torch")
    try:
        threads["torch"] = int(torch.get_num_threads())
        kernels["torch"] = str(torch.backends.cpu.get_cpu_capability())
    except AttributeError:
        return  # not loaded, or not wholly


def torch_gpu_bytes() -> int:
    """The GPU memory that PyTorch reserved in this process, at the most, over all devices; 0 where it is not used."""
    torch: Any = sys.modules.get("torch")
    try:
        if not torch.cuda.is_initialized():
            return 0
        return sum(int(torch.cuda.max_memory_reserved(i)) for i in range(torch.cuda.device_count()))
    except (AttributeError, RuntimeError):
        return 0  # not loaded, not wholly, or its device is gone


def leave_testimony(folder: str, files: OpenedFiles, variables: ReadVariables) -> None:
    """Write this process's testimony into a folder, in place at once; what is in the way is passed over."""
    path = os.path.join(folder, f"{os.getpid()}{SUFFIX}")
    try:
        with open(f"{path}.tmp", "w", encoding="utf-8", errors="surrogateescape") as file:
            said = testimony(files, variables)
            # No module is loaded for it: a literal will do, and takes longer to read.
            file.write(sys.modules["json"].dumps(said) if "json" in sys.modules else repr(said))
        os.replace(f"{path}.tmp", path)
    except OSError:
        return  # the folder is gone: nobody is waiting any more


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _phase() -> str:
    level = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info.releaselevel, "")
    return f"{level}{sys.version_info.serial}" if level else ""
