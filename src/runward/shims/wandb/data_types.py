"""``wandb.data_types``."""

from runward.shims.wandb.media import Audio, Histogram, Html, Image, Media, Table, Video

__all__ = ["Audio", "Histogram", "Html", "Image", "Media", "Table", "Video"]
