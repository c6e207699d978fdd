"""Memory, speed and bounds: what the code does about them deliberately. How much it helps only a run can show."""

from __future__ import annotations

import ast
import re

from runward.review.code.configuration import CONFIG_NAME
from runward.review.code.source import Function, Judgement, Source, dotted
from runward.review.model import EvidenceItem, Verdict

_MEMORY = re.compile(
    r"accum|micro_?batch|grad(ient)?_?checkpoint|activation_?checkpoint|checkpoint_(wrapper|sequential)|remat"
    r"|^autocast|grad_?scaler|loss_?scaler|mixed_precision|(^|_)(use_|no_)?(amp|fp16|bf16|bfloat16|half)($|_)|float16$"
    r"|mem_?map|mmap|empty_cache|quanti[sz]|load_in_[48]bit|bnb|(^|_)(peft|q?lora)($|_)|fsdp|fully_shard|zero_?stage|offload"
    r"|chunk_?(size|ed)|low_memory|allow_growth|memory_growth|memory_efficient|flash_att|xformers|streaming"
    r"|iterabledataset|batch_size_retry|decay_batch_step|gc_collect|deepspeed",
    re.IGNORECASE,
)
_MEMORY_WEAK = re.compile(
    r"set_to_none|^csr_|^inference_mode$|^prefetch$|^HDF5|^h5py$|^lmdb$|^collect$|^pin_memory$", re.I
)
_FAST = re.compile(
    r"^(DDP|DistributedDataParallel|DataParallel|data_parallel|FSDP|Accelerator|Fabric|\w*Trainer|TrainLoop|pmap|vmap"
    r"|autocast|GradScaler|NativeScaler|compile|jit|njit|tf_function|scan|XLA|pin_memory|non_blocking|persistent_workers"
    r"|num_workers|n_jobs|prefetch|benchmark|set_float32_matmul_precision|allow_tf32|channels_last|use_fp16|fp16|bf16|amp"
    r"|\w*VectorEnv|SubprocVecEnv|make_vec_env|DummyVecEnv|envpool|\w*Strategy|multiprocessing|AUTOTUNE|fuse\w*|use_multiprocessing)$"
)
_LIBRARY_LOOPS = frozenset(
    {"sklearn", "xgboost", "lightgbm", "catboost", "keras", "tensorflow", "jax", "flax", "polars"}
)
_TRAINING = frozenset({"torch", "tensorflow", "keras", "jax", "flax", "mxnet", "paddle", "chainer", "theano"})
_STEPS = frozenset({"backward", "step", "zero_grad", "minimize", "apply_gradients", "train_on_batch", "apply_updates"})
_SYNCS = frozenset({"item", "numpy", "tolist"})
_GROWING = frozenset(
    {"np.append", "np.concatenate", "np.vstack", "np.hstack", "numpy.append", "pd.concat", "torch.cat"}
)
_BOUND = re.compile(
    r"(^|_)(max|num|n|total|limit)_?(train_|eval_|env_|training_|val_|test_)?(steps?|iters?|iterations?|timesteps?|frames|samples|batches"
    r"|time|tokens|epochs?|episodes?|envs?|env|workers?|gpus?|threads?|cpus?|procs?|jobs|nodes|devices?|seq_len|images)($|_)"
    r"|(^|_)(epochs?|niter|workers|device|devices|gpu|gpus|gpu_ids?|ngpu|cuda|accel|dry_?run|fast_dev_run|debug_run|timeout|time_limit"
    r"|batch_?size|micro_?batch|accum\w*|grad_accum\w*|gradient_accumulation\w*|max_time|threads|n_jobs|buffer_size|memory|"
    r"lr_anneal_steps|microbatch|nproc\w*|world_size|env_num|n_?cpu|steps|no_cuda|no_accel|use_cuda|iterations|cpu)($|_)",
    re.IGNORECASE,
)
_PARSERS = frozenset({"HfArgumentParser", "TrlParser", "TrainingArguments", "LightningCLI", "Trainer"})


def memory_usage_optimized(source: Source) -> Judgement:
    """At least one deliberate measure for memory, beyond no_grad in evaluation."""
    strong = _matching(source, _MEMORY)
    if strong:
        places = [source.evidence(line, f"{name} saves memory") for name, line in strong]
        return Judgement(Verdict.PASS, f"{len(strong)} deliberate measure(s) for memory", places)
    weak = _matching(source, _MEMORY_WEAK)
    weak = [(name, line) for name, line in weak if name != "pin_memory"]
    if weak:
        places = [source.evidence(line, f"{name} may save memory") for name, line in weak]
        return Judgement(Verdict.NEEDS_PERSON, "is the use of memory deliberate? No peak was measured here", places)
    at = _hot_loops(source)
    if not at and not source.is_entry:
        text = "is the use of memory deliberate? There is no work here to judge it by"
        return Judgement(Verdict.NEEDS_PERSON, text, [source.evidence(1, text)])
    text = "no measure for memory: no smaller numbers, accumulation, checkpoints, chunks, mapping"
    return Judgement(Verdict.FAIL, text, [source.evidence(at[0] if at else 1, text)])


def _matching(source: Source, pattern: re.Pattern[str]) -> list[tuple[str, int]]:
    found = {name: line for name, line in source.names.items() if pattern.search(name)}
    return sorted(found.items(), key=lambda item: item[1])


def _hot_loops(source: Source) -> list[ast.For | ast.While]:
    """The innermost loops that take an optimiser's step, or hold all the work of a loader."""
    found = []
    for node in source.nodes:
        if isinstance(node, ast.For | ast.While):
            inner = [item for item in _own(node) if isinstance(item, ast.Call)]
            if any(dotted(call.func).rsplit(".", 1)[-1] in _STEPS for call in inner):
                found.append(node)
    return found


def _own(loop: ast.AST) -> list[ast.AST]:
    """What runs at each turn of a loop: not what inner loops, functions or conditions hold."""
    found: list[ast.AST] = []
    stack = list(ast.iter_child_nodes(loop))
    while stack:
        node = stack.pop()
        if isinstance(node, Function | ast.Lambda | ast.For | ast.While | ast.ClassDef):
            continue
        found.append(node)
        stack += [node.test] if isinstance(node, ast.If) else list(ast.iter_child_nodes(node))
    return found


def execution_efficient(source: Source) -> Judgement:
    """Standard acceleration where it applies, and no evident waste in the hot loop."""
    waste, loops = _waste(source), _hot_loops(source)
    if waste:
        return Judgement(Verdict.FAIL, f"{len(waste)} place(s) waste time in a loop", waste)
    fast = [(name, line) for name, line in source.names.items() if _FAST.match(name)]
    places = [source.evidence(line, f"{name} speeds it up") for name, line in sorted(fast, key=lambda item: item[1])]
    moved = [call for called, call in source.calls if _moves(called, call)]
    if fast:
        return Judgement(Verdict.PASS, f"{len(fast)} form(s) of acceleration, no evident waste", places)
    if moved:
        place = source.evidence(moved[0], "computes on the device that is there")
        return Judgement(Verdict.PASS, "uses an accelerator, no evident waste", [place])
    if source.imports & _LIBRARY_LOOPS:
        place = source.evidence(1, "the library uses the devices and cores that are there")
        return Judgement(Verdict.PASS, "the library brings its acceleration, no evident waste", [place])
    if source.imports & _TRAINING and (loops or source.is_entry):
        text = "trains without any acceleration: no device, workers, lower precision or compilation"
        return Judgement(Verdict.FAIL, text, [source.evidence(loops[0] if loops else 1, text)])
    text = "is there waste in the hot loop? No time was measured here"
    return Judgement(Verdict.NEEDS_PERSON, text, [source.evidence(1, text)])


def _moves(called: str, call: ast.Call) -> bool:
    last = called.rsplit(".", 1)[-1]
    if last == "cuda":
        return True
    return last == "to" and any(
        "device" in dotted(arg) or "dev" in dotted(getattr(arg, "func", arg)) for arg in call.args
    )


def _waste(source: Source) -> list[EvidenceItem]:
    found = []
    for loop in _hot_loops(source):
        own = _own(loop)
        calls = [(dotted(node.func), node) for node in own if isinstance(node, ast.Call)]
        found += [
            source.evidence(call, f"{name}() at every step") for name, call in calls if name in ("print", "plt.show")
        ]
        syncs = [call for name, call in calls if name.rsplit(".", 1)[-1] in _SYNCS]
        if len(syncs) > 2:
            found += [source.evidence(call, "waits for the accelerator at every step") for call in syncs]
        found += [
            source.evidence(call, f"{name} empties caches at every step")
            for name, call in calls
            if name.endswith("empty_cache")
        ]
    found += [source.evidence(loop, "takes one element after the other") for loop in source.nodes if _one_by_one(loop)]
    for called, call in source.calls:
        if called.endswith(".iterrows"):
            found.append(source.evidence(call, "iterrows goes through rows one by one"))
        elif called in _GROWING and _grows(source, call):
            found.append(source.evidence(call, f"{called} copies all that was gathered at every turn"))
    return sorted(set(found), key=lambda item: item.line)


def _one_by_one(loop: ast.AST) -> bool:
    """``for i in range(x.size(0)): … int(x[i])``: numbers taken from an array one at a time."""
    if not (isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and isinstance(loop.iter, ast.Call)):
        return False
    span = loop.iter
    if dotted(span.func) != "range" or not any(
        isinstance(n, ast.Attribute) and n.attr in ("size", "shape") for n in ast.walk(span)
    ):
        return False
    taken = (
        n.args[0] for n in ast.walk(loop) if isinstance(n, ast.Call) and dotted(n.func) in ("int", "float") and n.args
    )
    return any(isinstance(item, ast.Subscript) and dotted(item.slice) == loop.target.id for item in taken)


def _grows(source: Source, call: ast.Call) -> bool:
    """``x = np.append(x, …)`` inside a loop."""
    parent = source.parents.get(call)
    loop = next((outer for outer in source.enclosing(call) if isinstance(outer, ast.For | ast.While)), None)
    if not isinstance(parent, ast.Assign) or loop is None:
        return False
    target = dotted(parent.targets[0])
    given = [node for node in ast.walk(loop) if isinstance(node, ast.Assign) and dotted(node.targets[0]) == target]
    return (
        target != ""
        and given == [parent]
        and any(dotted(node) == target for arg in call.args for node in ast.walk(arg))
    )


def resource_constraints_considered(source: Source) -> Judgement:
    """Its use of resources can be bounded from outside: devices, workers, steps, time, a dry run."""
    found = _bounds(source)
    known = sorted(source.names.keys() & _PARSERS)
    if any("batch" not in name for name, _ in found):
        places = [source.evidence(line, f"{name} bounds it") for name, line in sorted(found, key=lambda item: item[1])]
        return Judgement(Verdict.PASS, f"{len(found)} setting(s) bound its use of resources", places)
    if known and source.is_entry:
        places = [source.evidence(source.names[name], f"{name} brings its own limits") for name in known]
        return Judgement(Verdict.PASS, "its settings bound its use of resources", places)
    if found:
        places = [source.evidence(line, f"{name} is the only bound") for name, line in found]
        return Judgement(Verdict.NEEDS_PERSON, "can its use of resources be bounded from outside?", places)
    text = "no setting bounds devices, workers, steps or time from outside"
    at = source.flags[0].line if source.flags else (source.functions[0] if source.functions else 1)
    return Judgement(Verdict.FAIL, text, [source.evidence(at, text)])


def _bounds(source: Source) -> list[tuple[str, int]]:
    found = {flag.name: flag.line for flag in source.flags if _BOUND.search(flag.name)}
    overridden = any(
        called in ("exec", "tyro.cli", "fire.Fire", "Fire") or called.endswith("merge_from_args")
        for called, _ in source.calls
    )
    for node in source.nodes:
        if (
            isinstance(node, ast.Attribute)
            and CONFIG_NAME.match(dotted(node.value).rsplit(".", 1)[-1])
            and _BOUND.search(node.attr)
        ):
            found.setdefault(node.attr, node.lineno)
        elif isinstance(node, ast.AnnAssign) and isinstance(source.parents.get(node), ast.ClassDef):
            name = dotted(node.target)
            if _BOUND.search(name):
                found.setdefault(name, node.lineno)
        elif isinstance(node, ast.arg) and _BOUND.search(node.arg) and node.arg not in ("epoch", "cuda"):
            if _has_default(source, node):
                found.setdefault(node.arg, node.lineno)
        elif overridden and isinstance(node, ast.Assign) and source.parents.get(node) is source.tree:
            name = dotted(node.targets[0])
            if _BOUND.search(name):
                found.setdefault(name, node.lineno)
    return list(found.items())


def _has_default(source: Source, arg: ast.arg) -> bool:
    arguments = source.parents.get(arg)
    if not isinstance(arguments, ast.arguments):
        return False
    positional = [*arguments.posonlyargs, *arguments.args]
    if arg in positional:
        return positional.index(arg) >= len(positional) - len(arguments.defaults)
    return arg in arguments.kwonlyargs
