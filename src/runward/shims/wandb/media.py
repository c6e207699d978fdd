"""``wandb.Image``, ``Table``, ``Histogram``, ``Audio``, ``Html`` and ``Video``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runward.errors import InvalidError
from runward.shims.wandb.told import once
from runward.tracking import encoding
from runward.tracking.client import ActiveRun
from runward.tracking.media import Medium, media_path


class Media:
    """Something that can be logged beside numbers."""

    caption: str | None = None

    def medium(self) -> Medium:
        """As bytes. Raises: InvalidError, OSError."""
        raise NotImplementedError

    def log_to(self, run: ActiveRun, key: str, step: int) -> None:
        """Log it; what fails is one warning."""
        run.log_encoded(key, [self.medium], step)
        if self.caption:
            run.log_text(f"{key}/caption", self.caption, step)


class Image(Media):
    """A picture: pixels (also as floats from -1 to 1, or from 0 to 255), a PIL image, a figure, a path."""

    def __init__(
        self,
        data_or_path: Any,
        mode: str | None = None,
        caption: str | None = None,
        grouping: int | None = None,
        classes: Any = None,
        boxes: Any = None,
        masks: Any = None,
        file_type: str | None = None,
        normalize: bool = True,
    ) -> None:
        if boxes or masks or classes:
            once("wandb.Image(boxes=, masks=, classes=)", "draw them into the picture; the picture is logged without")
        self._data: Any = data_or_path._data if isinstance(data_or_path, Image) else data_or_path
        self.caption, self._normalize = caption, normalize

    def medium(self) -> Medium:
        """See :meth:`Media.medium`."""
        data = self._data
        if hasattr(data, "__array__") and not hasattr(data, "save") and not hasattr(data, "savefig"):
            array = data.detach().cpu() if hasattr(data, "detach") else data
            low, high = float(array.min()), float(array.max())
            if self._normalize and low < 0 and low >= -1 and high <= 1:
                data = (data - low) / ((high - low) or 1)
            elif high > 1 and "float" in str(data.dtype):
                data = data / 255
        return encoding.image(data)


class Audio(Media):
    """A sound: samples with their rate, or a path."""

    def __init__(self, data_or_path: Any, sample_rate: int | None = None, caption: str | None = None) -> None:
        self._data, self._rate, self.caption = data_or_path, sample_rate, caption

    def medium(self) -> Medium:
        """See :meth:`Media.medium`."""
        return encoding.audio(self._data, self._rate if self._rate is not None else 44100)


class Html(Media):
    """A page: its text, an open file, or the path of one (``….html``)."""

    def __init__(self, data: Any, inject: bool = True, data_is_not_path: bool = False) -> None:
        is_file = isinstance(data, str | os.PathLike) and not data_is_not_path
        if is_file and str(data).endswith((".html", ".htm")) and Path(data).is_file():
            data = Path(data).read_text(encoding="utf-8")
        self.html = str(data.read() if hasattr(data, "read") else data)

    def medium(self) -> Medium:
        """See :meth:`Media.medium`."""
        return Medium(self.html.encode("utf-8", "replace"), "text/html")


class Video(Media):
    """A video: its bytes or path, or frames (time, channels, height, width), which become an animated PNG."""

    def __init__(
        self,
        data_or_path: Any,
        caption: str | None = None,
        fps: int | None = None,
        format: str | None = None,
    ) -> None:
        self._data, self._fps, self.caption = data_or_path, fps or 4, caption

    def medium(self) -> Medium:
        """See :meth:`Media.medium`."""
        if isinstance(self._data, bytes | str | os.PathLike):
            try:
                return encoding.encoded(self._data, "video")
            except InvalidError:
                return encoding.encoded(self._data, "image")
        if hasattr(self._data, "read"):
            return encoding.encoded(self._data.read(), "video")
        return encoding.animation(self._data, self._fps)


class Histogram(Media):
    """How numbers are distributed, or counts and edges as ``numpy.histogram`` gives them."""

    def __init__(self, sequence: Any = None, np_histogram: Any = None, num_bins: int = 64) -> None:
        if sequence is None and np_histogram is None:
            raise InvalidError("wandb.Histogram needs numbers", hint="sequence= or np_histogram=")
        self._data = sequence if np_histogram is None else tuple(np_histogram)
        self._bins = num_bins

    def medium(self) -> Medium:
        """See :meth:`Media.medium`."""
        return encoding.histogram_of(self._data, self._bins)


class Table(Media):
    """Rows under columns. Media in cells are logged beside it, and the cell holds their path."""

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: Any = True,
        allow_mixed_types: bool = True,
        log_mode: str | None = None,
    ) -> None:
        data = rows if data is None else data
        if dataframe is None and hasattr(data, "columns"):
            dataframe, data = data, None
        if dataframe is not None:
            columns = list(dataframe.columns)
            data = list(zip(*(dataframe[name].to_list() for name in columns), strict=True))
        self.columns = list(columns) if columns is not None else ["Input", "Output", "Expected"]
        self.data: list[list[Any]] = []
        for row in data if data is not None else ():
            self.add_data(*row)

    def add_data(self, *data: Any) -> None:
        """Add a row. Raises: InvalidError (it does not have a cell for each column)."""
        if len(data) != len(self.columns):
            raise InvalidError(f"the row has {len(data)} cells for {len(self.columns)} columns {self.columns!r:.200}")
        self.data.append(list(data))

    add_row = add_data

    def add_column(self, name: str, data: Any, optional: bool = False) -> None:
        """Add a column. Raises: InvalidError (it does not have a cell for each row)."""
        cells = list(data)
        if self.data and len(cells) != len(self.data):
            raise InvalidError(f"column {name!r} has {len(cells)} cells for {len(self.data)} rows")
        self.data = [[*row, cell] for row, cell in zip(self.data or [[] for _ in cells], cells, strict=True)]
        self.columns.append(name)

    def add_computed_columns(self, fn: Any) -> None:
        """Add columns that a function of (number, row as a dict) gives as a dict."""
        found = [fn(number, dict(zip(self.columns, row, strict=True))) for number, row in enumerate(self.data)]
        for name in dict.fromkeys(name for one in found for name in one):
            self.add_column(name, [one.get(name) for one in found])

    def get_column(self, name: str, convert_to: str | None = None) -> Any:
        """A column's cells; as an array with ``convert_to="numpy"``. Raises: InvalidError (there is none)."""
        if name not in self.columns:
            raise InvalidError(f"the table has no column {name!r}", hint=f"it has {self.columns!r:.200}")
        cells = [row[self.columns.index(name)] for row in self.data]
        return encoding.as_array(cells) if convert_to == "numpy" else cells

    def get_dataframe(self) -> Any:
        """As a frame of pandas."""
        return encoding.as_frame(self.data, self.columns)

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """The rows with their numbers."""
        yield from enumerate(self.data)

    def medium(self) -> Medium:
        """See :meth:`Media.medium`; media in cells are told by their kind."""
        rows = [[type(cell).__name__ if isinstance(cell, Media) else cell for cell in row] for row in self.data]
        return encoding.table_of(rows, self.columns)

    def log_to(self, run: ActiveRun, key: str, step: int) -> None:
        """See :meth:`Media.log_to`."""
        rows = [list(row) for row in self.data]
        for index, column in enumerate(self.columns):
            held = [(number, row[index]) for number, row in enumerate(rows) if isinstance(row[index], Media)]
            below = f"{key}/{column}"
            for n, (number, cell) in enumerate(held, 1):
                cell.log_to(run, below, step)
                try:
                    kind = cell.medium().media_type
                    rows[number][index] = media_path(below, step, kind, 0 if n == 1 else n)
                except (InvalidError, OSError):
                    rows[number][index] = None
        run.log_table(key, rows, step, columns=self.columns)


class Plot(Table):
    """A chart of ``wandb.plot``: its numbers are logged as a table."""

    def __init__(self, columns: Sequence[Any], data: Iterable[Sequence[Any]], title: str = "") -> None:
        super().__init__(columns, [list(row) for row in data])
        self.title = title
