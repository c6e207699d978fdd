"""The ``log_image`` family of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from runward.tracking import encoding
from runward.tracking.harmless import Harmless, harmless, said, shown
from runward.tracking.media import Medium, media_path

MAX_STEP = 2**63 - 1


class MediaLog(Harmless):
    """Logs media of a run, as files by :mod:`runward.tracking.media`'s convention. Nothing here raises.

    Without a step each key counts its own from 0. What is logged again at the same step is kept beside what is there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._media_steps: dict[str, int] = {}
        self._media_taken: dict[tuple[str, int], int] = {}

    def log_bytes(self, data: bytes, name: str, media_type: str = "") -> None:
        """Attach bytes as a file."""
        raise NotImplementedError

    def _step_fits(self, step: Any) -> bool:
        raise NotImplementedError

    @harmless
    def log_image(self, key: str, image: Any, step: int | None = None) -> None:
        """Log a picture, or a list of pictures of one step.

        Args:
            key: What it shows; ``/`` makes groups.
            image: An array (height, width[, channels]) with whole numbers from 0 to 255 or floats from 0 to 1, a torch
                tensor (channels first too), a PIL image, a matplotlib figure, a path, or the bytes of a picture file.
            step: A whole number; without one each key counts its own.
        """
        self._log(key, _several(image), step, encoding.image)

    @harmless
    def log_figure(self, key: str, figure: Any, step: int | None = None) -> None:
        """Log a figure: one of matplotlib as a picture, one of plotly as a page that stands alone (about 4 MB)."""
        self._log(key, _several(figure), step, encoding.figure)

    @harmless
    def log_audio(self, key: str, audio: Any, step: int | None = None, *, sample_rate: int = 44100) -> None:
        """Log a sound.

        Args:
            key: What it is.
            audio: Samples (frames) or (frames, channels) as floats from -1 to 1 or int16, a path, or the bytes of a
                sound file.
            step: A whole number; without one each key counts its own.
            sample_rate: Samples a second.
        """
        self._log(key, [audio], step, lambda value: encoding.audio(value, sample_rate))

    @harmless
    def log_text(self, key: str, text: str, step: int | None = None) -> None:
        """Log a text, such as a sample that a language model wrote."""
        self._log(key, _several(text), step, lambda value: Medium(str(value).encode("utf-8", "replace"), "text/plain"))

    @harmless
    def log_table(self, key: str, table: Any, step: int | None = None, *, columns: Sequence[str] | None = None) -> None:
        """Log a table.

        Args:
            key: What it shows.
            table: A frame of pandas or polars, columns by name, rows as dicts, or rows as lists with ``columns``.
            step: A whole number; without one each key counts its own.
            columns: The names of the columns, for rows that are lists.
        """
        self._log(key, [table], step, lambda value: encoding.table_of(value, columns))

    @harmless
    def log_histogram(self, key: str, values: Any, step: int | None = None, *, bins: int = 64) -> None:
        """Log how numbers are distributed.

        Args:
            key: What they are, such as a layer's weights.
            values: The numbers (an array, a tensor or a list), or a pair (counts, edges) that ``numpy.histogram`` gave.
                NaN and ±inf are left out.
            step: A whole number; without one each key counts its own.
            bins: How many intervals of equal width.
        """
        self._log(key, [values], step, lambda value: encoding.histogram_of(value, bins))

    @harmless
    def log_encoded(self, key: str, media: Sequence[Callable[[], Medium]], step: int | None = None) -> None:
        """Log media that are encoded by functions of yours, which may raise."""
        self._log(key, list(media), step, lambda encode: encode())

    @harmless
    def log_medium(self, key: str, data: bytes, media_type: str, step: int | None = None) -> None:
        """Log bytes of a type that you name: a video, a page of HTML."""
        self._log(key, [data], step, lambda value: Medium(bytes(value), media_type))

    def _log(self, key: str, values: list[Any], step: int | None, encode: Callable[[Any], Medium]) -> None:
        if step is not None and not self._step_fits(step):
            return
        try:
            at = self._media_steps.get(key, -1) + 1 if step is None else int(step)
            media = [encode(value) for value in values]
            paths = [self._place(key, at, medium.media_type, alone=len(media) == 1) for medium in media]
        # What figures, arrays and images of other libraries raise has no common class, and none may end the training.
        except Exception as error:  # noqa: BLE001
            self._warn(f"media:{shown(key)}", f"{shown(key)} could not be logged: {said(error)}")
            return
        self._media_steps[key] = at
        for path, medium in zip(paths, media, strict=True):
            self.log_bytes(medium.data, path, medium.media_type)

    def _place(self, key: str, step: int, media_type: str, *, alone: bool) -> str:
        taken = self._media_taken.get((key, step), 0)
        path = media_path(key, step, media_type, 0 if alone and not taken else taken + 1)
        self._media_taken[key, step] = taken + 1
        return path


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
