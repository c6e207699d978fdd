# All kinds of media.
import numpy as np
import wandb

rng = np.random.default_rng(0)
run = wandb.init(project="media-demo")
for step in range(2):
    noise = rng.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    media = {
        "random/image": wandb.Image(noise[0], caption="noise"),
        "random/several": [wandb.Image(image) for image in noise],
        "random/signed": wandb.Image(rng.uniform(-1, 1, (8, 8))),
        "weights": wandb.Histogram(rng.normal(size=1000)),
        "counted": wandb.Histogram(np_histogram=np.histogram(rng.normal(size=100), bins=5)),
        "raw": rng.normal(size=50),
        "sine": wandb.Audio(np.sin(np.linspace(0, 300, 4000)), sample_rate=8000, caption="sine"),
        "page": wandb.Html("<h1>Hello</h1><p>world</p>"),
    }
    wandb.log(media)
run.finish()
