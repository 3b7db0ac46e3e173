import json
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub.utils import filter_repo_objects
from jsonschema import Draft202012Validator

from shared.catalog import BUILT_IN, DATA, Catalog, load
from shared.errors import CatalogEntryNotFound
from shared.formats import unsafe_files
from shared.quantization import from_file_name
from shared.settings import Settings, SettingsError
from shared.tables import Category
from tests.conftest import ROOT

# Bits of a weight, in the words of a precision.
BITS = {"fp32": 32, "fp16": 16, "q8": 8.5, "q4": 4.5}
OURS = {"id": "ours", "name": "Ours", "category": "llm", "repo": "us/ours", "filename": "ours.gguf"}
KNOWN = "qwen3-4b"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "catalog"
    found.mkdir()
    return found


def _write(folder: Path, *entries: Any, name: str = "ours.yaml", **of_file: Any) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(of_file | {"entries": list(entries)}))
    return path


def _refused(folder: Path) -> str:
    with pytest.raises(SettingsError) as refused:
        load(folder)
    return str(refused.value)


def _said(entry_id: str) -> dict[str, Any]:
    """A built-in entry as its file says it."""
    for path in DATA.glob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        for entry in content.get("entries", []):
            if entry["id"] == entry_id:
                return {"category": content["category"], **entry}
    raise AssertionError(entry_id)


def test_each_category_has_well_more_than_one_entry() -> None:
    found = Counter(entry.category for entry in load().entries)
    assert found[Category.EMBEDDING] >= 8
    assert found[Category.LLM] >= 8
    assert found[Category.RERANKER] >= 8
    assert found[Category.SPLADE] >= 4


def test_no_repository_stands_twice_in_a_category_and_no_id_twice() -> None:
    entries = load().entries
    assert len({(entry.repo, entry.category) for entry in entries}) == len(entries)
    assert len({entry.id for entry in entries}) == len(entries)


def test_the_order_is_that_of_category_name_and_id() -> None:
    entries = load().entries
    assert list(entries) == sorted(entries, key=lambda one: (one.category, one.name.casefold(), one.id))


@pytest.mark.parametrize("path", sorted(DATA.glob("*.yaml")), ids=lambda path: path.name)
def test_the_files_keep_their_schema(path: Path) -> None:
    schema = json.loads((DATA / "catalog.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    if path.name == "featured.yaml":
        schema = {"$ref": "#/$defs/featured", "$defs": schema["$defs"]}
    Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("entry", load().entries, ids=lambda entry: entry.id)
def test_an_entry_says_all_that_its_category_wants(entry: Any) -> None:
    assert entry.description
    assert entry.license
    assert entry.family
    assert entry.parameter_count
    assert entry.source == BUILT_IN
    if entry.category is Category.LLM:
        assert entry.context_window
        assert str(entry.filename).endswith(".gguf")
        return
    assert entry.max_sequence_length
    if entry.category is not Category.RERANKER:
        assert entry.dimension
        assert entry.pooling
        assert entry.is_asymmetric is not None
    if entry.category is Category.EMBEDDING:
        prefixed = (entry.query_prefix, entry.document_prefix) != (None, None)
        assert entry.is_asymmetric == prefixed


@pytest.mark.parametrize("entry", load().entries, ids=lambda entry: entry.id)
def test_the_memory_of_an_entry_follows_the_documented_rule(entry: Any) -> None:
    if entry.filename:
        quantization = from_file_name(entry.filename)
        assert quantization is not None
        weights = {quantization.method: entry.download_bytes}
    else:
        weights = {name: entry.parameter_count * bits / 8 for name, bits in BITS.items()}
    assert entry.memory_mb == {name: math.ceil(size * 1.2 / 1_000_000) for name, size in weights.items()}


@pytest.mark.parametrize("entry", [one for one in load().entries if not one.filename], ids=lambda one: one.id)
def test_a_repository_comes_without_a_second_copy_of_its_weights(entry: Any) -> None:
    there = [
        "config.json",
        "1_Pooling/config.json",
        "model.safetensors",
        "vocab.txt",
        "sentencepiece.bpe.model",
        "pytorch_model.bin",
        "flax_model.msgpack",
        "tf_model.h5",
        "onnx/model.onnx",
        "onnx/tokenizer.json",
        "openvino/openvino_model.bin",
        "gguf/model-f16.gguf",
    ]
    kept = list(
        filter_repo_objects(there, allow_patterns=entry.allow_patterns, ignore_patterns=entry.ignore_patterns)
    )
    assert kept == there[:5]
    assert unsafe_files(kept) == []


def test_the_model_that_a_first_start_registers_is_in_the_catalog() -> None:
    (spec,) = Settings.model_fields["default_models"].default
    repo, _, file = spec.partition(":")
    found = load().find(repo, file)
    assert found is not None
    assert found.category is Category.LLM


def test_the_featured_models_are_entries_of_several_kinds() -> None:
    catalog = load()
    assert len(catalog.featured) >= 4
    assert len({feature.entry.category for feature in catalog.featured}) >= 3
    assert all(feature.tags and feature.size_category for feature in catalog.featured)
    assert catalog.last_updated == "2026-11-21"


def test_an_entry_is_found_by_its_id_and_by_its_repository_and_file() -> None:
    catalog = load()
    entry = catalog.get(KNOWN)
    assert catalog.find(entry.repo, entry.filename) is entry
    assert catalog.find(entry.repo, None) is None
    assert catalog.find("nobody/nothing", None) is None
    with pytest.raises(CatalogEntryNotFound):
        catalog.get("nothing")


def test_of_two_categories_of_a_repository_that_of_the_model_is_found(folder: Path) -> None:
    both = [
        {"id": f"m3-{kind}", "name": "M3", "category": kind, "repo": "us/m3"}
        for kind in ("embedding", "splade")
    ]
    _write(folder, *both)
    catalog = load(folder)
    for kind in (Category.EMBEDDING, Category.SPLADE):
        found = catalog.find("us/m3", None, kind)
        assert found is not None
        assert found.category is kind
    assert catalog.find("us/m3", None) is not None


def test_the_operators_entries_join_ours_and_say_their_file(folder: Path) -> None:
    _write(folder, OURS | {"license": None}, {"id": "x", "name": "X", "repo": "us/x"}, category="llm")
    _write(folder, {"id": "y", "name": "Y", "repo": "us/y"}, category="reranker", name="more.yml")
    catalog = load(folder)
    assert len(catalog.entries) == len(load().entries) + 3
    assert {catalog.get(name).source for name in ("ours", "x")} == {"ours.yaml"}
    assert (catalog.get("y").category, catalog.get("y").source) == (Category.RERANKER, "more.yml")
    assert catalog.get("ours").revision == "main"


def test_the_richer_entry_wins_whoever_says_it(folder: Path) -> None:
    said = _said(KNOWN)
    poorer = {name: said[name] for name in ("category", "repo", "filename")} | {
        "id": "poorer",
        "name": "Poorer",
    }
    _write(folder, poorer)
    assert load(folder).get(KNOWN).source == BUILT_IN
    with pytest.raises(CatalogEntryNotFound):
        load(folder).get("poorer")
    richer = folder.parent / "richer"
    richer.mkdir()
    _write(
        richer,
        said | {"name": "Richer", "revision": "v1", "links": {"paper": "https://example.com"}, "id": KNOWN},
    )
    assert load(richer).get(KNOWN).name == "Richer"


def test_of_equally_rich_entries_the_operators_wins_and_of_two_files_the_first(folder: Path) -> None:
    same = _said(KNOWN)
    _write(folder, same | {"name": "Second"}, name="b.yaml")
    _write(folder, same | {"name": "First"}, name="a.yaml")
    assert (load(folder).get(KNOWN).name, load(folder).get(KNOWN).source) == ("First", "a.yaml")


def test_an_override_wins_though_it_says_less(folder: Path) -> None:
    said = _said(KNOWN)
    bare = {name: said[name] for name in ("id", "name", "category", "repo")} | {"filename": "other.gguf"}
    _write(folder, bare | {"override": True})
    found = load(folder).get(KNOWN)
    assert (found.filename, found.license, found.source) == ("other.gguf", None, "ours.yaml")


def test_a_hidden_entry_is_taken_away_from_the_list_and_from_the_featured(folder: Path) -> None:
    said = _said(KNOWN)
    _write(folder, {"repo": said["repo"], "category": "llm", "hidden": True})
    catalog = load(folder)
    with pytest.raises(CatalogEntryNotFound):
        catalog.get(KNOWN)
    assert len(catalog.featured) == len(load().featured) - 1
    assert KNOWN not in {feature.entry.id for feature in catalog.featured}


def test_the_operators_list_of_features_replaces_ours(folder: Path) -> None:
    _write(folder, OURS | {"tags": ["chat"]})
    (folder / "featured.yaml").write_text("lastUpdated: 2027-01-31\nmodels: [{id: ours, sizeCategory: 7B}]")
    catalog = load(folder)
    (feature,) = catalog.featured
    assert (feature.entry.id, feature.tags, feature.size_category) == ("ours", ("chat",), "7B")
    assert catalog.last_updated == "2027-01-31"


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"colour": "red"}, "'colour' was unexpected"),
    "a category that is none": ({"category": "vision"}, "category: 'vision' is not one of"),
    "no category": ({"category": None}, "'category' is a required property, here or of the whole file"),
    "no name": ({"name": None}, "'name' is a required property"),
    "an id with a space": ({"id": "a b"}, "id: 'a b' does not match"),
    "no repository": ({"repo": None}, "'repo' is a required property"),
    "a repository that is none": ({"repo": "a/b/c"}, "repo: "),
    "a repository that is a number": ({"repo": 3}, "repo: 3 is not of type 'string'"),
    "a file outside": ({"filename": "../x.gguf"}, "filename: must be inside the repository"),
    "a pattern outside": (
        {"filename": None, "ignorePatterns": ["/etc/*"]},
        "ignorePatterns: must be inside the repository",
    ),
    "patterns beside a file": ({"allowPatterns": ["*.json"]}, "allowPatterns: does not apply to this entry"),
    "a revision that git refuses": ({"revision": "a..b"}, "revision: "),
    "a field of another category": ({"pooling": "cls"}, "pooling: does not apply to this entry"),
    "a memory that is no number": (
        {"memoryMb": {"q4": "much"}},
        "memoryMb.q4: 'much' is not of type 'integer'",
    ),
    "a link that is no address": (
        {"links": {"paper": "javascript:x"}},
        "links.paper: 'javascript:x' does not",
    ),
}


@pytest.mark.parametrize(("change", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_bad_entry_is_refused_with_its_file_its_name_and_the_problem(
    folder: Path, change: dict[str, Any], problem: str
) -> None:
    path = _write(folder, OURS | change)
    said = _refused(folder)
    assert said.startswith(f"WEIGHBRIDGE_CATALOG_DIR: {path}: entry `{change.get('id') or 'ours'}`: ")
    assert problem in said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("entries: [", "is no valid YAML"),
        ("- id: x", "must be a mapping with a list of `entries`"),
        ("entries: {}", "must be a mapping with a list of `entries`"),
        ("", "is empty"),
        ("entries: []\nmodels: []", "has no field models"),
        ("entries: [3]", "entry no. 1: 3 is not of type 'object'"),
        ("entries: [!!python/object/apply:os.system ['true']]", "is no valid YAML"),
        ("entries: [2026-13-45]", "is no valid YAML"),
        ("entries: [[]]\ncategory: []", "entry no. 1: [] is not of type 'object'"),
    ],
)
def test_a_bad_file_is_refused_by_its_name(folder: Path, text: str, problem: str) -> None:
    (folder / "ours.yaml").write_text(text)
    assert f"{folder / 'ours.yaml'}: {problem}" in _refused(folder)


def test_a_file_that_is_no_text_and_a_folder_that_is_missing_are_refused(folder: Path) -> None:
    (folder / "ours.yaml").write_bytes(b"\xff\xfe\x00")
    assert "ours.yaml: can't be read" in _refused(folder)
    assert "No such file or directory" in _refused(folder / "nowhere")


def test_every_problem_of_every_file_is_told_at_once(folder: Path) -> None:
    _write(folder, OURS | {"colour": "red"}, OURS | {"id": "b", "repo": "us/b", "tags": 3}, name="a.yaml")
    (folder / "b.yaml").write_text("entries: [")
    (folder / "featured.yaml").write_text("lastUpdated: 2027-01-31\nmodels: [{id: nowhere}]")
    lines = _refused(folder).splitlines()
    assert len(lines) == 4
    assert "there is no entry `nowhere`" in lines[-1]


def test_a_repository_twice_in_a_file_and_an_id_for_two_are_refused(folder: Path) -> None:
    _write(folder, OURS, OURS | {"id": "again", "filename": "again.gguf"})
    assert "entry `again`: the file names us/ours twice in llm" in _refused(folder)
    other = folder.parent / "other"
    other.mkdir()
    _write(other, OURS | {"id": KNOWN})
    assert f"entry `{KNOWN}`: the id stands for" in _refused(other)
    assert "us/ours (llm, ours.yaml)" in _refused(other)


def test_what_a_person_types_is_found_in_names_repositories_files_and_tags() -> None:
    entry = load().get(KNOWN)
    for text in ("qwen3 4b", "Qwen/", "q4_k_m", "REASONING", "", "good at"):
        assert entry.matches(text), text
    assert not entry.matches("llama")


def test_the_catalog_is_read_from_its_files_alone() -> None:
    """Neither a socket nor another file than the catalog's own is opened."""
    code = """
import sys
from pathlib import Path
from shared import catalog

catalog.load.cache_clear()
opened = []

def watch(event, given):
    if event.startswith("socket."):
        raise AssertionError(event)
    if event == "open":
        opened.append(str(given[0]))

import jsonschema.validators, yaml
sys.addaudithook(watch)
found = catalog.load()
print(len(found.entries), sorted({path for path in opened if Path(path).parent != catalog.DATA}))
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split(maxsplit=1) == [str(len(load().entries)), "[]\n"]


def test_a_catalog_is_read_once_by_a_process(folder: Path) -> None:
    path = _write(folder, OURS)
    before: Catalog = load(folder)
    path.unlink()
    assert load(folder) is before
