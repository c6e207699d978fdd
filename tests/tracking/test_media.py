"""Media: their place among the artifacts, and their bytes as other readers understand them."""

from __future__ import annotations

import io
import struct
import warnings
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runward
from runward.errors import InvalidError, RunwardWarning
from runward.testing.worlds import BAD_NAMES
from runward.tracking import client, encoding, media
from runward.tracking import journal as j
from runward.tracking.client import ActiveRun
from runward.tracking.media import HISTOGRAM_TYPE, TABLE_TYPE, MediaPath, media_path, parse_media_path
from tests.extras import needs

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ActiveRun]:
    found = ActiveRun("run1", tmp_path / "run1")
    yield found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.finish()


def logged(run: ActiveRun) -> dict[str, tuple[str, bytes]]:
    """Media type and bytes by path."""
    found = {}
    for path in j.journals_in(run.folder):
        reader = j.JournalReader(path)
        for frame in reader.frames():
            if frame.kind == j.ARTIFACT:
                name, digest, kind, *data = frame.fields
                found[name] = kind, data[0] if data else (run.folder / "blobs" / digest).read_bytes()
        reader.close()
    return found


def document(run: ActiveRun, path: str) -> Any:
    return msgspec.json.decode(logged(run)[path][1])


# the convention -----------------------------------------------------------------------------------------------------

_names = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters="/\\"), min_size=1, max_size=20
).filter(lambda name: name not in (".", ".."))


@given(
    key=st.lists(_names, min_size=1, max_size=4).map("/".join),
    step=st.integers(-(2**63), 2**63 - 1),
    n=st.integers(0, 99),
    kind=st.sampled_from(["image/png", "audio/wav", TABLE_TYPE, "text/plain", "application/unheard-of"]),
)
def test_what_a_path_is_made_of_can_be_read_from_it(key: str, step: int, n: int, kind: str) -> None:
    assert parse_media_path(media_path(key, step, kind, n)) == MediaPath(key, step, n, media.extension_of(kind))


@pytest.mark.parametrize(
    "path",
    ["plots/a.png", "media/a.png", "media/a/x.png", "media/a/1", "media/a/1-0.png", "media//1.png", "xmedia/a/1.png"],
)
def test_other_artifacts_are_no_media(path: str) -> None:
    assert parse_media_path(path) is None or path == "media//1.png"


@pytest.mark.parametrize("key", [*BAD_NAMES, "", "/a", "a/", "a//b", "../a", "a/..", "a\\b", None, 7])
def test_a_key_that_is_no_path_costs_only_itself(run: ActiveRun, key: Any) -> None:
    with pytest.warns(RunwardWarning, match="media key"):
        run.log_text(key, "x")
    run.log_text("good", "x")
    assert list(logged(run)) == ["media/good/0.txt"]


def test_steps_count_for_each_key_and_several_are_numbered(run: ActiveRun) -> None:
    """Without a step they count; a list is one step; what comes again at a step stands beside what is there."""
    run.log_text("a", "0")
    run.log_text("a", "1")
    run.log_text("b/c", ["x", "y"])  # type: ignore[arg-type]
    run.log_text("a", "ten", step=10)
    run.log_text("a", "ten again", step=10)
    run.log_text("a", "eleven")
    assert list(logged(run)) == [
        "media/a/0.txt",
        "media/a/1.txt",
        "media/b/c/0-1.txt",
        "media/b/c/0-2.txt",
        "media/a/10.txt",
        "media/a/10-2.txt",
        "media/a/11.txt",
    ]


@pytest.mark.parametrize("step", [2**63, 1.5, "3"])
def test_a_step_that_is_none_is_refused(run: ActiveRun, step: Any) -> None:
    with pytest.warns(RunwardWarning, match="step"):
        run.log_text("a", "x", step)
    assert logged(run) == {}


def test_what_fails_inside_of_other_libraries_does_not_reach_the_training(run: ActiveRun) -> None:
    """One warning for each key."""

    class Broken:
        mode = "RGB"

        def save(self, *_: object) -> None:
            raise ZeroDivisionError("inside")

    def train() -> None:
        for _ in range(3):
            run.log_image("img", Broken())

    with pytest.warns(RunwardWarning, match="ZeroDivisionError: inside") as caught:
        train()
    assert len(caught) == 1
    assert logged(run) == {}


def test_the_module_logs_to_the_active_run(run: ActiveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_active", [run])
    runward.log_text("text", "x", 1)
    runward.log_table("table", {"a": [1]}, 1)
    runward.log_histogram("histogram", [1.0], 1)
    runward.log_audio("audio", [0.0], 1, sample_rate=8000)
    runward.log_image("image", PNG, 1)
    with pytest.warns(RunwardWarning, match="no figure"):
        runward.log_figure("figure", 7, 1)
    assert sorted(logged(run)) == [
        f"media/{key}" for key in ("audio/1.wav", "histogram/1.json", "image/1.png", "table/1.json", "text/1.txt")
    ]


# pictures -----------------------------------------------------------------------------------------------------------


def decode_png(data: bytes) -> tuple[int, int, int, bytes]:
    """Width, height, colour type and the pixels of a picture whose rows are not filtered."""
    assert data[:8] == PNG
    at, chunks = 8, {}
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, at + 8 + length)[0]
        chunks[name] = body
        at += 12 + length
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    rows = zlib.decompress(chunks[b"IDAT"])
    row = len(rows) // height
    assert {rows[i * row] for i in range(height)} == {0}
    return width, height, colour, b"".join(rows[i * row + 1 : (i + 1) * row] for i in range(height))


@pytest.mark.parametrize(("channels", "colour"), [(0, 0), (1, 0), (2, 4), (3, 2), (4, 6)])
def test_an_array_becomes_its_pixels(channels: int, colour: int) -> None:
    numpy = needs("numpy")
    shape = (3, 5, channels) if channels else (3, 5)
    pixels = numpy.random.default_rng(1).integers(0, 256, shape, "uint8")
    assert decode_png(encoding.image(pixels).data) == (5, 3, colour, pixels.tobytes())


def test_levels_of_other_kinds_are_scaled() -> None:
    """Floats from 0 to 1 (NaN is black), truth values, whole numbers that are too large."""
    numpy = needs("numpy")
    for given_, wanted in (
        (numpy.array([[0.0, 0.5, 1.0, 2.0, -1.0, float("nan")]]), [0, 128, 255, 255, 0, 0]),
        (numpy.array([[True, False]]), [255, 0]),
        (numpy.array([[300, -4, 7]]), [255, 0, 7]),
    ):
        assert list(decode_png(encoding.image(given_).data)[3]) == wanted


def test_a_tensor_may_have_its_channels_first() -> None:
    numpy = needs("numpy")

    class Tensor:
        def __init__(self, array: Any) -> None:
            self._array = array

        def detach(self) -> Tensor:
            return self

        cpu = detach

        def __array__(self, *_: object, **__: object) -> Any:
            return self._array

    pixels = numpy.arange(24, dtype="uint8").reshape(3, 2, 4)
    assert decode_png(encoding.image(Tensor(pixels)).data) == (4, 2, 2, pixels.transpose(1, 2, 0).tobytes())


@pytest.mark.parametrize("shape", [(3,), (2, 2, 5), (0, 4), (1, 2, 3, 4)])
def test_an_array_that_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    numpy = needs("numpy")
    with pytest.raises(InvalidError, match="no picture"):
        encoding.image(numpy.zeros(shape))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG + b"...", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
    ],
)
def test_a_picture_file_stays_as_it_is(data: bytes, kind: str, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(data)
    assert encoding.image(data) == encoding.image(tmp_path / "picture") == (data, kind)


def test_bytes_that_are_no_picture_are_refused(run: ActiveRun, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="no image"):
        encoding.image(b"plain text")
    with pytest.warns(RunwardWarning, match="No such file"):
        run.log_image("img", tmp_path / "nothing.png")


def test_images_of_pillow_and_figures_of_matplotlib_are_pngs() -> None:
    image = needs("PIL.Image")
    for mode in ("RGB", "RGBA", "L", "P", "1", "CMYK", "F"):
        found = encoding.image(image.new(mode, (4, 2)))
        assert image.open(io.BytesIO(found.data)).size == (4, 2)
    figures = needs("matplotlib.figure")
    figure = figures.Figure(figsize=(2, 1), dpi=100)
    axes = figure.subplots()
    for value in (figure, axes):
        assert image.open(io.BytesIO(encoding.figure(value).data)).size == (200, 100)
        assert encoding.image(value).media_type == "image/png"


def test_a_figure_of_plotly_is_a_page() -> None:
    class Plotly:
        def to_plotly_json(self) -> None: ...

        def to_html(self, include_plotlyjs: bool) -> str:
            return f"<html>{include_plotlyjs}</html>"

    assert encoding.figure(Plotly()) == (b"<html>True</html>", "text/html")


# sounds -------------------------------------------------------------------------------------------------------------


def frames_of(data: bytes) -> tuple[int, int, int, bytes]:
    with wave.open(io.BytesIO(data)) as file:
        return file.getframerate(), file.getnchannels(), file.getsampwidth(), file.readframes(file.getnframes())


def test_samples_become_a_wave_file() -> None:
    wanted = struct.pack("<4h", 0, 32767, -32767, 16384)
    assert frames_of(encoding.audio([0.0, 1.0, -3.0, 0.5], 8000).data) == (8000, 1, 2, wanted)
    numpy = needs("numpy")
    assert frames_of(encoding.audio(numpy.array([0.0, 1.0, -3.0, 0.5]), 8000).data) == (8000, 1, 2, wanted)
    stereo = numpy.array([[1, 2], [3, 4]], "int16")
    assert frames_of(encoding.audio(stereo, 44100).data) == (44100, 2, 2, stereo.tobytes())


@pytest.mark.parametrize("rate", [0, -1, 8000.5, None])
def test_a_sample_rate_that_is_none_is_refused(rate: Any) -> None:
    with pytest.raises(InvalidError, match="sample rate"):
        encoding.audio([0.0], rate)


def test_a_sound_file_stays_as_it_is() -> None:
    data = encoding.audio([0.0], 8000).data
    assert encoding.audio(data, 44100) == (data, "audio/wav")


# tables and histograms ----------------------------------------------------------------------------------------------


def test_a_table_may_be_given_in_every_shape(run: ActiveRun) -> None:
    wanted = {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}
    run.log_table("t", [[1, "x"], [2, "y"]], columns=["a", "b"])
    run.log_table("t", {"a": [1, 2], "b": ["x", "y"]})
    run.log_table("t", [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    pandas = needs("pandas")
    run.log_table("t", pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    assert [(kind, msgspec.json.decode(data)) for kind, data in logged(run).values()] == [(TABLE_TYPE, wanted)] * 4


def test_numbers_and_texts_of_numpy_are_plain_cells(run: ActiveRun) -> None:
    numpy = needs("numpy")
    run.log_table("t", [[numpy.float64(0.5), numpy.int32(3), numpy.str_("x"), numpy.bool_(True)]], columns="abcd")
    assert document(run, "media/t/0.json")["data"] == [[0.5, 3, "x", True]]


def test_cells_are_plain_and_missing_ones_empty(run: ActiveRun) -> None:
    run.log_table("t", [{"a": float("nan")}, {"b": Path("p")}])
    assert document(run, "media/t/0.json") == {"columns": ["a", "b"], "data": [["nan", None], [None, "p"]]}


@pytest.mark.parametrize(
    ("rows", "columns"), [([[1]], ["a", "b"]), ([[1, 2]], None), ({"a": [1], "b": []}, None), (7, None)]
)
def test_a_table_without_shape_is_refused(run: ActiveRun, rows: Any, columns: Any) -> None:
    with pytest.warns(RunwardWarning, match="'t' could not be logged"):
        run.log_table("t", rows, columns=columns)
    assert logged(run) == {}


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), bins=st.integers(1, 20))
def test_a_histogram_counts_each_number_once(values: list[float], bins: int) -> None:
    """As numpy counts them, where it is installed."""
    low, high = min(values), max(values)
    if low < high and (high - low) / bins < 1e-6:
        return  # Edges that are one and the same float are no intervals.
    found = msgspec.json.decode(encoding.histogram_of(values, bins).data)
    assert (len(found["edges"]), len(found["counts"]), sum(found["counts"])) == (bins + 1, bins, len(values))
    assert found["edges"][0] <= low <= high <= found["edges"][-1]


def test_arrays_are_counted_too_and_what_is_not_finite_is_left_out(run: ActiveRun) -> None:
    numpy = needs("numpy")
    for values in ([0.0, 1.0, float("nan"), float("inf"), 1.0], numpy.array([[0.0, 1.0], [numpy.nan, 1.0]])):
        run.log_histogram("h", values, bins=2)
    wanted = {"edges": [0.0, 0.5, 1.0], "counts": [1, 2]}
    run.log_histogram("h", numpy.histogram(numpy.array([0.0, 1.0, 1.0]), 2))
    run.log_histogram("h", ([1, 2], [0.0, 0.5, 1.0]))
    assert [(kind, msgspec.json.decode(data)) for kind, data in logged(run).values()] == [(HISTOGRAM_TYPE, wanted)] * 4


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        ([], 4),
        ([float("nan")], 4),
        ([1.0], 0),
        ([1.0], "x"),
        (([1], [0.0]), 4),
        (([1], [1.0, 0.0]), 4),
        (([-1], [0.0, 1.0]), 4),
    ],
)
def test_a_histogram_of_nothing_is_refused(values: Any, bins: Any) -> None:
    with pytest.raises(InvalidError):
        encoding.histogram_of(values, bins)
