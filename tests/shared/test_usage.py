"""What deleting a model would mean, from rows alone."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func

from shared import operations, references, usage
from shared.database import Database
from shared.errors import ConfirmationRequired, ModelInUse
from shared.operations import Requested
from shared.tables import (
    CachedRepo,
    DownloadStatus,
    Model,
    ModelSource,
    ModelType,
    Operation,
    OperationKind,
    OperationStatus,
    Provider,
    ReferencePolicy,
    Volume,
)
from shared.usage import Defaults, Usage

NOBODY = Defaults()


def _manifest(commit: str, **sizes: int) -> dict[str, Any]:
    """Each file is named after its blob."""
    files = [{"path": oid, "size": size, "oid": oid, "is_lfs": True} for oid, size in sizes.items()]
    return {"commit": commit * 40, "files": files}


def _model(database: Database, name: str = "m", **columns: Any) -> int:
    values: dict[str, Any] = {
        "name": name,
        "type": ModelType.LOCAL,
        "source": ModelSource.HUGGINGFACE,
        "hf_repo": "a/b",
        "revision": "main",
        "model_file": name,
        "downloaded": "manifest" in columns,
        "download_status": DownloadStatus.NOT_DOWNLOADED,
    }
    with database.session() as session:
        model = Model(**values | columns)
        session.add(model)
        session.flush()
        return model.id


def _asked(database: Database, model_id: int, manifest: Mapping[str, Any], status: OperationStatus) -> None:
    with database.session() as session:
        session.add(
            Operation(model_id=model_id, kind=OperationKind.DOWNLOAD, status=status, manifest=manifest)
        )


def _scanned(database: Database, blobs: dict[str, int], half_files: dict[str, int]) -> None:
    with database.session() as session:
        halves = [{"oid": oid, "bytes": size, "modified_at": 0} for oid, size in half_files.items()]
        session.add(
            Volume(
                name="/hub",
                total_bytes=1,
                available_bytes=1,
                partial_bytes=1,
                seen_at=func.now(),
                half_files=halves,
            )
        )
        session.add(
            CachedRepo(
                volume="/hub",
                repo="a/b",
                size_bytes=1,
                file_count=1,
                revisions=[],
                blobs={oid: [size, 0] for oid, size in blobs.items()},
                folders={},
                read_at=func.now(),
            )
        )


def _usage(database: Database, model_id: int, defaults: Defaults = NOBODY) -> Usage:
    with database.session() as session:
        return usage.usage(session, session.get_one(Model, model_id), defaults=defaults)


def _sizes(found: Usage) -> tuple[int, int, int]:
    return found.size_on_disk_bytes, found.estimated_freed_bytes, found.former_bytes


def test_a_blob_under_two_names_counts_once(database: Database) -> None:
    manifest = _manifest("1", x=100, y=10)
    manifest["files"].append(manifest["files"][0] | {"path": "again"})
    found = _usage(database, _model(database, manifest=manifest))
    assert (found.is_installed, found.files_stay, found.loaded_in) == (True, False, [])
    assert _sizes(found) == (110, 110, 0)


def test_what_others_of_the_repository_need_is_not_freed(database: Database) -> None:
    whole = _model(database, "whole", manifest=_manifest("1", x=100, y=10, z=1, w=5))
    _model(database, "has", manifest=_manifest("1", x=100))
    _model(database, "had", manifest=_manifest("2"), former={"manifest": _manifest("1", y=10)})
    coming = _model(database, "coming")
    _asked(database, coming, _manifest("1", z=1), OperationStatus.PENDING)
    assert _sizes(_usage(database, whole)) == (116, 5, 0)


def test_what_other_repositories_and_ended_downloads_have_does_not_matter(database: Database) -> None:
    one = _model(database, "one", manifest=_manifest("1", x=100))
    _model(database, "other", hf_repo="c/d", manifest=_manifest("1", x=100))
    gone = _model(database, "gone")
    _asked(database, gone, _manifest("1", x=100), OperationStatus.CANCELED)
    assert _sizes(_usage(database, one)) == (100, 100, 0)


def test_the_former_commit_goes_too(database: Database) -> None:
    former = {"manifest": _manifest("1", same=100, old=30, shared=7)}
    one = _model(database, "one", manifest=_manifest("2", same=100, new=40), former=former)
    _model(database, "two", manifest=_manifest("1", shared=7))
    assert _sizes(_usage(database, one)) == (177, 170, 30)


def test_files_that_a_verify_missed_take_no_room(database: Database) -> None:
    one = _model(
        database,
        manifest=_manifest("1", x=100, y=10),
        downloaded=False,
        damaged_files=[{"path": "x", "problem": "missing"}, {"path": "y", "problem": "corrupt"}],
    )
    found = _usage(database, one)
    assert (found.is_installed, *_sizes(found)) == (False, 10, 10, 0)


def test_what_a_download_left_that_did_not_end_is_told(database: Database) -> None:
    one, other = _model(database, "one"), _model(database, "other", manifest=_manifest("1", shared=9))
    _asked(database, one, _manifest("1", half=100, whole=20, none=5, shared=9), OperationStatus.CANCELED)
    assert _sizes(_usage(database, one)) == (0, 0, 0)
    _scanned(database, {"whole": 20, "shared": 9, "alien": 1000}, {"half": 64, "alien": 1000})
    found = _usage(database, one)
    assert (found.is_installed, *_sizes(found)) == (False, 93, 84, 0)
    assert _sizes(_usage(database, other)) == (9, 9, 0)


def test_a_local_path_keeps_its_files_and_a_hosted_model_has_none(database: Database) -> None:
    local = _model(
        database,
        "path",
        source=ModelSource.PATH,
        hf_repo=None,
        revision=None,
        model_file=None,
        local_path="/x",
        file_size_bytes=50,
        downloaded=True,
    )
    found = _usage(database, local)
    assert (found.is_installed, found.files_stay, *_sizes(found)) == (True, True, 50, 0, 0)
    hosted = _model(
        database,
        "hosted",
        type=ModelType.HOSTED_LLM,
        provider=Provider.OPENAI,
        source=None,
        hf_repo=None,
        downloaded=None,
        download_status=None,
    )
    found = _usage(database, hosted)
    assert (found.is_installed, found.files_stay, *_sizes(found)) == (False, False, 0, 0, 0)


def test_defaults_are_named_by_id_or_by_name(database: Database) -> None:
    one, two = _model(database, "one"), _model(database, "two")
    named = Defaults(embedding="one", llm=str(two))
    assert _usage(database, one, named).warnings == ["It is the default embedding model."]
    assert _usage(database, two, named).warnings == ["It is the default LLM."]
    both = _usage(database, one, Defaults(embedding=str(one), llm="one"))
    assert both.warnings == ["It is the default embedding model.", "It is the default LLM."]
    assert (both.is_default, both.requires_confirmation, both.can_delete) == (True, True, True)
    other = _usage(database, two, Defaults(embedding="one"))
    assert (other.is_default, other.requires_confirmation) == (False, False)


def test_a_seeded_model_and_warnings_of_consumers_have_sentences_of_their_own(database: Database) -> None:
    one = _model(database, is_default=True)
    with database.session() as session:
        for consumer, name in (("search", "a"), ("search", "b"), ("chat", "c")):
            references.put(
                session, one, consumer, name, policy=ReferencePolicy.WARN, detail=None, expires_at=None
            )
    assert _usage(database, one).warnings == [
        "1 use by chat would break.",
        "2 uses by search would break.",
        "It is a default model of this installation.",
    ]


def test_a_blocking_reference_forbids_and_a_confirmation_does_not_help(database: Database) -> None:
    one = _model(database)
    with database.session() as session:
        references.put(
            session, one, "search", "docs", policy=ReferencePolicy.BLOCK, detail="why", expires_at=None
        )
    with pytest.raises(ModelInUse) as refused, database.session() as session:
        usage.allow_delete(session, one, confirmed=True, defaults=NOBODY)
    found = refused.value.facts["usage"]
    assert found.blocked_by == [{"consumer": "search", "name": "docs", "detail": "why"}]
    assert not found.can_delete
    assert "search (docs)" in refused.value.detail


def test_warnings_want_a_confirmation(database: Database) -> None:
    one = _model(database)
    named = Defaults(llm="m")
    with pytest.raises(ConfirmationRequired), database.session() as session:
        usage.allow_delete(session, one, confirmed=False, defaults=named)
    with database.session() as session:
        assert usage.allow_delete(session, one, confirmed=True, defaults=named).id == one


def test_a_hundred_deletes_at_once_make_one_operation(database: Database) -> None:
    one = _model(database, manifest=_manifest("1", x=100))
    barrier = threading.Barrier(10)

    def ask(_: int) -> tuple[Any, Requested]:
        barrier.wait()
        with database.session() as session:
            usage.allow_delete(session, one, confirmed=False, defaults=NOBODY)
            found, outcome = operations.request_delete(session, one, requested_by="t", request_id=None)
            return found.id, outcome

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(ask, range(100)))
    assert len({operation_id for operation_id, _ in answers}) == 1
    assert [outcome for _, outcome in answers].count(Requested.CREATED) == 1
