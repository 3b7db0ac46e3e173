"""Carry models to an installation without a network, and see who has sent them (docs/air-gap.md)."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shared import log
from shared.errors import WeighbridgeError
from shared.settings import SettingsError
from worker_service.air_gap import keys
from worker_service.air_gap.contents import Contents
from worker_service.air_gap.exporter import chosen, export
from worker_service.air_gap.importer import import_archive, opened
from worker_service.context import context, settings


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    told = _parser().parse_args(arguments)
    try:
        code: int = told.run(told)
        return code
    except WeighbridgeError as error:
        return _complain(f"{error.code}: {error.detail}\n{error.advice}")
    except (keys.KeyProblem, SettingsError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or 'The archive'}: {error.strerror}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker_service.air_gap", description=__doc__)
    commands = parser.add_subparsers(required=True)
    pair = commands.add_parser(
        "keygen", help="make the pair of keys: FILE, and FILE.pub for those who import"
    )
    pair.add_argument("file", type=Path)
    pair.set_defaults(run=_keygen)
    out = commands.add_parser("export", help="write models of this installation into an archive")
    out.add_argument("--key", type=Path, required=True, help="the private key")
    out.add_argument(
        "--to", required=True, help="the archive, which must not exist yet; - for standard output"
    )
    out.add_argument("models", nargs="+", help="id or name of a model, or a repository: all models of it")
    out.set_defaults(run=_export)
    for name, run, text in (
        ("import", _import, "bring the models of an archive into this installation"),
        ("show", _show, "say what an archive holds, if its signature is right"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--key", type=Path, required=True, help="the public key of those who exported")
        command.add_argument("archive", help="- for standard input")
        command.set_defaults(run=run)
    return parser


def _keygen(told: argparse.Namespace) -> int:
    public = told.file.with_name(f"{told.file.name}.pub")
    keys.make(told.file, public)
    print(f"Keep {told.file} where archives are made, and give {public} to those who import them.")
    return 0


def _export(told: argparse.Namespace) -> int:
    key = keys.private_key(told.key)
    log.set_up(settings(), "air-gap")
    with context().database.session() as session:
        models = chosen(session, told.models)
    with _written(told.to) as out:
        contents = export(context().settings.cache_dir, models, out, key)
    for line in _lines(contents):
        print(line, file=sys.stderr)
    return 0


def _import(told: argparse.Namespace) -> int:
    key = keys.public_key(told.key)
    log.set_up(settings(), "air-gap")
    failed = False
    with _read(told.archive) as source:
        for outcome in import_archive(context(), source, key):
            print(f"{outcome.model.name} ({outcome.model.repo}) {outcome.what}", flush=True)
            if outcome.error:
                failed = True
                _complain("{code}: {detail}\n{remedy}".format(**outcome.error))
    return 1 if failed else 0


def _show(told: argparse.Namespace) -> int:
    with _read(told.archive) as source:
        _reader, contents = opened(source, keys.public_key(told.key))
    print(f"Made by {contents.made_by} at {contents.made_at}.")
    for line in _lines(contents):
        print(line)
    return 0


def _lines(contents: Contents) -> Iterator[str]:
    for model in contents.models:
        size = model.manifest.total_bytes
        yield f"{model.name}: {model.repo} at {model.commit}, {len(model.files)} files, {size:,} bytes"


@contextmanager
def _written(place: str) -> Iterator[BinaryIO]:
    """The archive gets its name when it is whole and on disk."""
    if place == "-":
        yield sys.stdout.buffer
        return
    final = Path(place)
    if final.exists():
        raise FileExistsError(0, "is there already; choose another name", place)
    draft = final.with_name(f"{final.name}.part")
    try:
        with draft.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        draft.rename(final)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _read(place: str) -> Iterator[BinaryIO]:
    if place == "-":
        yield sys.stdin.buffer
        return
    with open(place, "rb") as source:
        yield source


def _complain(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
