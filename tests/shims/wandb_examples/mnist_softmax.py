# MNIST-style: a softmax regression on made-up digits, with images and per-epoch validation.
import numpy as np
import wandb

rng = np.random.default_rng(0)
config = dict(epochs=3, classes=4, batch_size=32, learning_rate=0.5, dataset="MADE-UP", architecture="softmax")


def make(config):
    prototypes = rng.random((config.classes, 8, 8))
    labels = rng.integers(0, config.classes, 256)
    images = np.clip(prototypes[labels] + rng.normal(0, 0.1, (256, 8, 8)), 0, 1)
    return images, labels


def train_log(loss, example_ct, epoch):
    wandb.log({"epoch": epoch, "loss": loss}, step=example_ct)
    print(f"Loss after {str(example_ct).zfill(5)} examples: {loss:.3f}")


def pipeline(hyperparameters):
    with wandb.init(project="pytorch-demo", config=hyperparameters):
        config = wandb.config
        images, labels = make(config)
        x = images.reshape(256, -1)
        weights = np.zeros((64, config.classes))
        example_ct = 0
        for epoch in range(config.epochs):
            for start in range(0, 192, config.batch_size):
                batch, wanted = x[start : start + config.batch_size], labels[start : start + config.batch_size]
                scores = np.exp(batch @ weights)
                probs = scores / scores.sum(1, keepdims=True)
                loss = -np.log(probs[np.arange(len(wanted)), wanted]).mean()
                probs[np.arange(len(wanted)), wanted] -= 1
                weights -= config.learning_rate * batch.T @ probs / len(wanted)
                example_ct += len(wanted)
                train_log(loss, example_ct, epoch)
        guesses = (x[192:] @ weights).argmax(1)
        accuracy = (guesses == labels[192:]).mean()
        wandb.log(
            {
                "test_accuracy": accuracy,
                "examples": [
                    wandb.Image(image, caption=f"Pred: {g} Truth: {t}")
                    for image, g, t in zip(images[192:196], guesses, labels[192:196])
                ],
            }
        )
        np.save("model.npy", weights)
        wandb.save("model.npy")


pipeline(config)
