"""`make guards`: take each guard away in turn, in a copy, and see that the test named for it fails.

A guard that nobody would miss is none. The tests pass with all guards in place: `make test` runs them.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT

# What it guards · file · the line as it stands · the line without it · the test that must miss it.
GUARDS = [
    (
        "an attempt that lost its operation writes nothing (the fence)",
        "shared/attempts.py",
        "        Operation.attempt == attempt,\n",
        "",
        "tests/shared/test_attempts.py::test_a_worker_that_lost_its_operation_changes_nothing",
    ),
    (
        "wrong bytes are never published (the checksum)",
        "worker_service/transfer/verify.py",
        "        done += count\n    return digest.hexdigest() == oid\n",
        "        done += count\n    return True\n",
        "tests/worker_service/transfer/test_faults.py::test_bytes_that_are_always_wrong_are_never_published",
    ),
    (
        "a model has one claim (NX)",
        "shared/claims.py",
        "nx=True, ",
        "",
        "tests/shared/test_claims.py::test_a_model_is_claimed_once",
    ),
    (
        "a delete follows no planted link (the real path)",
        "worker_service/cache.py",
        "    return all(_is_real_folder(step) for step in steps)\n",
        "    return True\n",
        "tests/worker_service/test_cache.py::test_a_planted_link_leads_nowhere",
    ),
    (
        "nothing outside the cache is taken for a file of it",
        "worker_service/cache.py",
        "    inside = path.resolve().is_relative_to(cache_dir.resolve())\n",
        "    inside = True\n",
        "tests/worker_service/test_cache.py::test_a_file_that_a_link_takes_out_of_the_cache_is_not_found",
    ),
    (
        "a verify reads nothing outside the cache",
        "worker_service/checksums.py",
        "        if not place.is_relative_to(self._root):\n",
        "        if False:\n",
        "tests/worker_service/test_verifies.py::test_no_link_leads_a_verify_out_of_the_cache",
    ),
    (
        "nobody's archive is imported but that of the key (the signature)",
        "worker_service/air_gap/importer.py",
        "    keys.verify(key, manifest, reader.content())\n",
        "",
        "tests/worker_service/air_gap/test_hostile_archives.py::test_another_key_opens_nothing",
    ),
    (
        "wrong bytes of an archive get no final name",
        "worker_service/air_gap/blobs.py",
        "            if not is_right(partial, file.oid, halt=Halt()):\n",
        "            if False:\n",
        "tests/worker_service/air_gap/test_hostile_archives.py"
        "::test_one_changed_byte_of_a_file_is_found_and_not_built_upon",
    ),
    (
        "no traffic goes to code that is newer than its schema",
        "api_service/routes/health.py",
        "        schema.check(session)\n",
        "        pass\n",
        "tests/migrations/test_upgrades.py"
        "::test_a_new_api_on_the_schema_before_lives_but_is_not_ready_and_says_why",
    ),
    (
        "a repair drops no blob that was replaced since",
        "worker_service/cache.py",
        "                if _identity(found) == _identity(seen):\n",
        "                if True:\n",
        "tests/worker_service/test_repairs.py::test_a_blob_that_was_replaced_since_it_was_looked_at_stays",
    ),
    (
        "a repair drops nothing once it has lost its operation (the fence)",
        "worker_service/downloads.py",
        "            attempts.check(session, attempt.operation.id, attempt.operation.attempt)\n",
        "",
        "tests/worker_service/test_repairs.py::test_a_frozen_worker_that_wakes_drops_nothing",
    ),
    (
        "a model that a service needs stays, up to the moment when its files go",
        "shared/attempts.py",
        "            references.refuse_if_blocked(session, model.id)\n",
        "            pass\n",
        "tests/shared/test_references.py::test_a_reference_that_comes_before_the_files_go_stops_the_delete",
    ),
    (
        "nobody says too late that they need a model",
        "shared/references.py",
        "        raise operations.conflict(active)\n",
        "        pass\n",
        "tests/shared/test_references.py::test_a_reference_that_comes_once_the_files_go_is_refused",
    ),
    (
        "a reference and a delete exclude each other (the lock of the model's row)",
        "shared/references.py",
        "    operations.lock_model(session, model_id)\n",
        "",
        "tests/shared/test_references.py::test_a_reference_waits_for_a_delete_that_is_at_the_point_of_no_return",
    ),
    (
        "a download relies on nothing that a removal takes (the hold)",
        "shared/attempts.py",
        "        hold_repo(session, repo)\n",
        "        pass\n",
        "tests/worker_service/test_deletes.py::"
        "test_a_download_waits_for_a_removal_and_relies_on_nothing_that_goes",
    ),
    (
        "a removal that froze takes nothing away when it wakes (the fence)",
        "worker_service/holding.py",
        "                ask(session)\n",
        "                pass\n",
        "tests/worker_service/test_deletes.py::"
        "test_a_removal_that_froze_gives_the_repository_up_and_removes_nothing_when_it_wakes",
    ),
    (
        "a local path stays inside its roots",
        "shared/local_paths.py",
        "    if not any(real.is_relative_to(Path(root).resolve()) for root in roots):\n",
        "    if False:\n",
        "tests/api_service/routes/test_models.py::test_a_local_path_outside_the_roots_is_refused",
    ),
    (
        "a role does what it may and no more",
        "api_service/auth.py",
        "        if not caller.role.covers(needed):\n",
        "        if False:\n",
        "tests/api_service/test_auth.py::test_every_route_wants_the_role_that_it_names",
    ),
    (
        "a session's write carries its CSRF token",
        "api_service/auth.py",
        "not callers.same(shown, sessions.csrf_token(cookie))",
        "False",
        "tests/api_service/routes/test_auth.py::test_a_session_writes_only_with_its_csrf_token",
    ),
    (
        "a session ends",
        "shared/callers.py",
        "        SignInSession.expires_at > func.now(),\n",
        "",
        "tests/api_service/routes/test_auth.py::test_a_session_ends_by_itself",
    ),
    (
        "who is locked does nothing more",
        "shared/callers.py",
        " & func.coalesce(User.is_active, True)",
        "",
        "tests/api_service/routes/test_tokens.py::test_a_token_may_no_more_than_its_owner_and_ends_with_them",
    ),
    (
        "nobody makes a token that may more than they may",
        "shared/api_tokens.py",
        "    if not by.role.covers(role):\n",
        "    if False:\n",
        "tests/api_service/routes/test_tokens.py::test_nobody_makes_a_token_that_may_more_than_they_may",
    ),
    (
        "no private network is dialled",
        "shared/outbound.py",
        '            raise AddressRefused(f"{host} is in a private network.")\n',
        "            pass\n",
        "tests/shared/test_outbound.py::test_one_private_answer_speaks_against_the_name",
    ),
    (
        "a stored key goes to its stored address only",
        "api_service/providers.py",
        'given |= {"key_withheld": True} if moved else {',
        "given |= {",
        "tests/api_service/test_providers.py::test_the_stored_key_is_never_sent_to_another_address",
    ),
    (
        "a secret belongs to its model and field",
        "shared/secrets.py",
        "        if (found_id, found_field) != (model_id, field):\n",
        "        if False:\n",
        "tests/shared/test_secrets.py::test_a_secret_copied_to_another_model_or_field_does_not_decrypt",
    ),
    (
        "after sign-in nobody is sent to another site",
        "api_service/routes/auth.py",
        '    return path if is_ours else "/"\n',
        "    return path\n",
        "tests/api_service/test_single_sign_on.py::test_after_sign_in_nobody_is_sent_to_another_site",
    ),
]


def main() -> None:
    """The command; arguments choose guards by a part of their file's name."""
    chosen = [guard for guard in GUARDS if not sys.argv[1:] or any(part in guard[1] for part in sys.argv[1:])]
    missed = [guard[0] for guard in chosen if not _is_missed(*guard)]
    print(f"\n{len(chosen)} guards taken away in turn, {len(chosen) - len(missed)} missed by their test.")
    for what in missed:
        print(f"NOBODY MISSED: {what}")
    sys.exit(bool(missed))


def _is_missed(what: str, file: str, line: str, without: str, test: str) -> bool:
    """Whether the test fails in a copy without the guard. Raises SystemExit where the line isn't there."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        copy.mkdir()
        for name in ("api_service", "worker_service", "shared", "migrations", "deploy", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        text = (copy / file).read_text()
        if text.count(line) != 1:
            sys.exit(f"{file} has {text.count(line)} lines for: {what}")
        (copy / file).write_text(text.replace(line, without))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
        ended = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    # 1: tests have failed; anything else (no such test, a broken import) shows nothing.
    print(f"{'missed' if ended.returncode == 1 else 'NOT missed'}: {what}")
    return ended.returncode == 1


if __name__ == "__main__":
    main()
