"""Writes an Aim repository with Aim itself, and prints what Aim then reads."""

import json
import math
import struct
import sys

import numpy as np
from aim import Distribution, Image, Repo, Run, Text

VALUES = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324, 3.0]
run = Run(repo=sys.argv[1], experiment="vision/digits", capture_terminal_logs=False, system_tracking_interval=None)
run["hparams"] = {
    "lr": 0.1,
    "layers": [1, 2],
    "nested": {"flag": True, "none": None},
    "api_key": "sk-abcdefghijklmnopqrstuv",
}
run["flat"] = 3
run.name, run.description = "first é☃", "why"
run.add_tag("baseline")
for step, value in enumerate(VALUES):
    run.track(value, name="loss", step=step, epoch=0, context={"subset": "train"})
    run.track(float(step), name="loss", step=step, context={"subset": "val", "fold": 1})
for step in (2**62, 5, 7):
    run.track(step, name="far", step=step)
run.track(Text("hello"), name="said", step=3)
run.track(Image(np.zeros((4, 4, 3), np.uint8)), name="seen", step=2)
run.track([Image(np.zeros((4, 4, 3), np.uint8)), Image(np.ones((4, 4, 3), np.uint8))], name="several", step=2)
run.track(Distribution(np.arange(10.0), bin_count=5), name="spread", step=1)
hash_ = run.hash
run.close()
other = Run(repo=sys.argv[1], capture_terminal_logs=False, system_tracking_interval=None)
other.track(1.0, name="loss")
told = {"runs": [hash_, other.hash]}
other.close()
repo = Repo.from_path(sys.argv[1])
again = Run(hash_, repo=repo, capture_terminal_logs=False, system_tracking_interval=None)
told["series"] = {}
for metric in again.metrics():
    steps, (values, _epochs, times) = metric.data.items_list()
    name = "/".join([*(f"{k}={v}" for k, v in sorted(metric.context.to_dict().items())), metric.name])
    told["series"][name] = [
        [int(s), t, struct.pack("<d", v).hex()] for s, v, t in zip(steps, values, times, strict=True)
    ]
again.close()
print(json.dumps(told))
