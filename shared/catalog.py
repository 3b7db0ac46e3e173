"""The curated catalog: which models are recommended, read from YAML files and from nothing else.

No database, no volume and no Hub: what is installed is joined to it elsewhere (shared/catalog_models.py).
The built-in files lie beside this module in `catalog/`; operators add and override with files of their own
(WEIGHBRIDGE_CATALOG_DIR, docs/catalog.md). An entry stands for a repository in a category.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError as SchemaError

from shared.errors import CatalogEntryNotFound
from shared.hub_names import path_problem, repo_id_problem, revision_problem
from shared.settings import SettingsError
from shared.tables import Category

DATA = Path(__file__).with_name("catalog")
BUILT_IN = "built-in"
FEATURED = "featured.yaml"
# libyaml where the wheel has it: a tenth of the time.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What an operator says about an entry, not about the model.
_ORDERS = ("override", "hidden")
_BEGINNING_OF_HUMP = re.compile(r"(?=[A-Z])")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One recommended model. What is null is not known, or does not apply to its category."""

    id: str
    name: str
    category: Category
    repo: str
    source: str = BUILT_IN  # or the operator's file
    description: str = ""
    filename: str | None = None  # null: the whole repository, as the patterns choose
    revision: str = "main"
    allow_patterns: tuple[str, ...] | None = None
    ignore_patterns: tuple[str, ...] | None = None
    license: str | None = None
    family: str | None = None
    parameter_count: int | None = None
    download_bytes: int | None = None
    memory_mb: Mapping[str, int] = field(default_factory=dict)  # by precision or quantization; MB are 10^6
    dimension: int | None = None
    max_sequence_length: int | None = None
    pooling: str | None = None
    is_asymmetric: bool | None = None  # queries and documents are encoded differently
    query_prefix: str | None = None
    document_prefix: str | None = None
    default_instruction: str | None = None
    context_window: int | None = None
    tags: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)  # paper, homepage
    # speed, memory, quality: 1 to 5, by the judgement of whoever wrote the entry.
    ratings: Mapping[str, int] = field(default_factory=dict)

    @property
    def richness(self) -> int:
        """How many fields say something."""
        return sum(getattr(self, one.name) not in (None, "", (), {}) for one in fields(self))

    def matches(self, text: str) -> bool:
        """Whether a person who types this may mean it."""
        said = (self.name, self.repo, self.filename, self.description, self.family, *self.tags)
        return any(text.casefold() in one.casefold() for one in said if one)


@dataclass(frozen=True)
class Feature:
    """An entry that is shown first."""

    entry: Entry
    tags: tuple[str, ...]
    size_category: str | None  # such as 7B


@dataclass(frozen=True)
class Catalog:
    """All entries, by category, name and id; and those that are featured, in the order of their list."""

    entries: tuple[Entry, ...]
    featured: tuple[Feature, ...]
    last_updated: str  # the day on which the list of features changed

    def get(self, entry_id: str) -> Entry:
        """The entry. Raises CatalogEntryNotFound."""
        found = next((entry for entry in self.entries if entry.id == entry_id), None)
        if found is None:
            raise CatalogEntryNotFound()
        return found

    def find(self, repo: str | None, file: str | None, category: Category | None = None) -> Entry | None:
        """The entry of a repository's file (null: of the whole), of this category where there are several."""
        found = self._by_file.get((repo, file or None), ())
        return next((entry for entry in found if entry.category is category), found[0] if found else None)

    @cached_property
    def _by_file(self) -> dict[tuple[str | None, str | None], list[Entry]]:
        found: dict[tuple[str | None, str | None], list[Entry]] = defaultdict(list)
        for entry in self.entries:
            found[entry.repo, entry.filename].append(entry)
        return dict(found)


@lru_cache(maxsize=16)
def load(directory: Path | None = None) -> Catalog:
    """The built-in entries and those of the operator's directory, as it was when this process first asked.

    Raises SettingsError with a line for each problem: file, entry and what is wrong.
    """
    problems: list[str] = []
    claims = [*_claims(directory, problems), *_claims(DATA, problems, source=BUILT_IN)]
    entries = tuple(sorted(_winners(claims), key=lambda one: (one.category, one.name.casefold(), one.id)))
    problems += _twice(entries)
    featured, last_updated = _featured(directory, entries, problems)
    if problems:
        raise SettingsError("\n".join(f"WEIGHBRIDGE_CATALOG_DIR: {problem}" for problem in problems))
    return Catalog(entries, featured, last_updated)


@dataclass(frozen=True)
class _Claim:
    """What one file says about a repository in a category."""

    identity: tuple[str, Category]
    entry: Entry | None  # None: that it shall not be offered
    overrides: bool


def _winners(claims: Iterable[_Claim]) -> Iterator[Entry]:
    """One entry for each identity: hidden before override before the richer; of equals the earlier claim."""
    best: dict[tuple[str, Category], _Claim] = {}
    for claim in claims:
        standing = best.get(claim.identity)
        if standing is None or _weight(claim) > _weight(standing):
            best[claim.identity] = claim
    return (claim.entry for claim in best.values() if claim.entry is not None)


def _weight(claim: _Claim) -> tuple[bool, bool, int]:
    return claim.entry is None, claim.overrides, claim.entry.richness if claim.entry else 0


def _twice(entries: Iterable[Entry]) -> Iterator[str]:
    known: dict[str, Entry] = {}
    for entry in entries:
        other = known.setdefault(entry.id, entry)
        if other is not entry:
            places = " and ".join(f"{one.repo} ({one.category}, {one.source})" for one in (other, entry))
            yield f"entry `{entry.id}`: the id stands for {places}; give one of them another id"


def _claims(folder: Path | None, problems: list[str], *, source: str | None = None) -> Iterator[_Claim]:
    """Those of each file, in the order of their names; what is wrong goes to `problems`."""
    if folder is None:
        return
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        problems.append(f"{folder}: {error.strerror}")
        return
    for path in paths:
        if path.name != FEATURED:
            yield from _claims_of(path, problems, source or path.name)


def _claims_of(path: Path, problems: list[str], source: str) -> Iterator[_Claim]:
    content = _read(path, problems)
    if content is None:
        return
    if not isinstance(content, dict) or not isinstance(content.get("entries"), list):
        problems.append(f"{path}: must be a mapping with a list of `entries`")
        return
    if alien := sorted(str(name) for name in content.keys() - {"$schema", "category", "entries"}):
        problems.append(f"{path}: has no field {', '.join(alien)}; only `category` and `entries`")
    known: set[tuple[str, Category]] = set()
    for number, said in enumerate(content["entries"], start=1):
        given = _given(said, content.get("category"))
        named = f"{path}: entry {_called(given, number)}"
        if wrong := [*_problems(given, "entry")] or [*_unfit(given)]:
            problems += (f"{named}: {problem}" for problem in wrong)
            continue
        claim = _claim(given, source)
        if claim.identity in known:
            problems.append(f"{named}: the file names {given['repo']} twice in {claim.identity[1]}")
        known.add(claim.identity)
        yield claim


def _given(said: Any, category: Any) -> Any:
    """The entry with the category of its file, and without the fields that are null: nobody has said them."""
    if not isinstance(said, dict):
        return said
    beginning = {} if category is None else {"category": category}
    return beginning | {name: value for name, value in said.items() if value is not None}


def _called(given: Any, number: int) -> str:
    name = isinstance(given, dict) and (given.get("id") or given.get("repo"))
    return f"`{name}`" if name else f"no. {number}"


def _claim(given: dict[str, Any], source: str) -> _Claim:
    identity = given["repo"], Category(given["category"])
    if given.get("hidden"):
        return _Claim(identity, None, overrides=False)
    values = {_snake(name): _frozen(value) for name, value in given.items() if name not in _ORDERS}
    entry = Entry(**values | {"category": identity[1], "source": source})
    return _Claim(identity, entry, overrides=bool(given.get("override")))


def _snake(name: str) -> str:
    return _BEGINNING_OF_HUMP.sub("_", name).lower()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _featured(
    directory: Path | None, entries: Iterable[Entry], problems: list[str]
) -> tuple[tuple[Feature, ...], str]:
    """The operator's list, else ours; ours may name what the operator has hidden."""
    own = directory / FEATURED if directory else None
    path = own if own is not None and own.is_file() else DATA / FEATURED
    content = _read(path, problems)
    if isinstance(content, dict) and isinstance(content.get("lastUpdated"), date):
        content["lastUpdated"] = content["lastUpdated"].isoformat()  # what YAML takes an unquoted day for
    if wrong := [] if content is None else [*_problems(content, "featured")]:
        problems += (f"{path}: {problem}" for problem in wrong)
    if content is None or wrong:
        return (), ""
    by_id = {entry.id: entry for entry in entries}
    named = [(by_id.get(one["id"]), one) for one in content["models"]]
    if path is own:
        problems += (f"{path}: there is no entry `{one['id']}`" for entry, one in named if entry is None)
    features = (
        Feature(entry, tuple(one.get("tags", entry.tags)), one.get("sizeCategory"))
        for entry, one in named
        if entry is not None
    )
    return tuple(features), content["lastUpdated"]


def _read(path: Path, problems: list[str]) -> Any:
    """What a file says; None, and a problem, where it can't be read."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: can't be read: {error}")
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a day such as 2026-13-45
        problems.append(f"{path}: is no valid YAML: {' '.join(str(error).split())}")
    else:
        if content is not None:
            return content
        problems.append(f"{path}: is empty")
    return None


def _problems(given: Any, kind: str) -> Iterator[str]:
    """What the schema says against it, a sentence for each."""
    return map(_sentence, sorted(_validator(kind).iter_errors(given), key=_place))


def _sentence(error: SchemaError) -> str:
    place = _place(error)
    if error.validator == "not":  # `never`, the only such
        return f"{place}: does not apply to this entry"
    return f"{place}: {error.message}" if place else error.message


def _place(error: SchemaError) -> str:
    return ".".join(str(part) for part in error.absolute_path)


def _unfit(given: Mapping[str, Any]) -> Iterator[str]:
    """What no schema can say."""
    if "category" not in given:
        yield "'category' is a required property, here or of the whole file"
    if problem := repo_id_problem(given["repo"]):
        yield f"repo: {problem}"
    if problem := revision_problem(given.get("revision", "main")):
        yield f"revision: {problem}"
    paths = {"filename": [given["filename"]] if "filename" in given else []}
    paths |= {name: given.get(name, []) for name in ("allowPatterns", "ignorePatterns")}
    for name, values in paths.items():
        for problem in filter(None, map(path_problem, values)):
            yield f"{name}: must be inside the repository; this {problem}"


@lru_cache
def _validator(kind: str) -> Draft202012Validator:
    schema = json.loads((DATA / "catalog.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})
