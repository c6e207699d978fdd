"""Writes event files with tensorboardX and TensorBoard, and prints what TensorBoard then reads, as one JSON document."""

import base64
import json
import sys
from pathlib import Path

import numpy
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboardX import SummaryWriter

VALUES = [0.1, float("nan"), float("inf"), -0.0, 1e-45, 3.0]
ALL = dict.fromkeys(("scalars", "histograms", "images", "tensors", "audio"), 0)


def first(folder: str) -> None:
    """Summaries of the first kind, with a field for each sort of value."""
    writer = SummaryWriter(folder)
    for step, value in enumerate(VALUES):
        writer.add_scalar("train/loss", value, step, walltime=1_700_000_000.25 + step)
    writer.add_scalar("train/loss", -1.0, 2**40, walltime=1_700_000_100.0)
    writer.add_histogram("weights", numpy.arange(10.0), 3, walltime=1_700_000_050.0)
    writer.add_image("picture", numpy.zeros((3, 4, 5), dtype=numpy.uint8), 7, walltime=1_700_000_050.0)
    writer.add_text("note", "hello *you*", 1, walltime=1_700_000_050.0)
    writer.close()


def second(folder: str) -> None:
    """Summaries of the second kind: everything is a tensor, and plugins say what it means."""
    writer = EventFileWriter(folder)
    for step, value in enumerate(VALUES):
        writer.add_event(Event(wall_time=1_700_000_000.5 + step, step=step, summary=scalar_pb("loss", value)))
    content = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="histograms"))
    bins = numpy.array([[0, 1, 5], [1, 2, 7]], dtype="<f8")
    tensor = TensorProto(dtype=2, tensor_content=bins.tobytes())
    value = Summary.Value(tag="spread", metadata=content, tensor=tensor)
    writer.add_event(Event(wall_time=1_700_000_001.0, step=1, summary=Summary(value=[value])))
    writer.add_event(Event(wall_time=1_700_000_002.0, summary=hparams_pb({"lr": 0.1, "name": "adam", "big": True})))
    writer.flush()
    writer.close()


def tell(folder: str) -> dict[str, list[list[object]]]:
    found = EventAccumulator(folder, size_guidance=ALL, purge_orphaned_data=False).Reload()
    scalars = {
        tag: [[e.step, e.wall_time, repr(e.value)] for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }
    for tag in found.Tags()["tensors"]:
        if found.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            points = [(e.step, e.wall_time, e.tensor_proto) for e in found.Tensors(tag)]
            scalars[tag] = [[step, at, repr(float(_number(tensor)))] for step, at, tensor in points]
    images = {
        tag: [[e.step, base64.b64encode(e.encoded_image_string).decode()] for e in found.Images(tag)]
        for tag in found.Tags()["images"]
    }
    return {**scalars, **images}


def _number(tensor: TensorProto) -> float:
    return tensor.float_val[0] if tensor.float_val else numpy.frombuffer(tensor.tensor_content, dtype="<f4")[0]


if __name__ == "__main__":
    root = Path(sys.argv[1])
    first(str(root / "a" / "train"))
    second(str(root / "b"))
    json.dump({name: tell(str(root / name)) for name in ("a/train", "b")}, sys.stdout)
