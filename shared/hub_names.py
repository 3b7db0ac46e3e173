"""Names of repositories, revisions and files: which are allowed, and how links are taken apart.

The rules for repositories are huggingface_hub's own; those for revisions are git's.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

PUBLIC_ENDPOINT = "https://huggingface.co"
_PUBLIC_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co", "www.hf.co"})
_OTHER_KINDS = frozenset({"datasets", "spaces", "kernels", "collections", "papers", "docs", "api"})
_FILE_VERBS = frozenset({"blob", "resolve", "raw"})
_VERBS = _FILE_VERBS | {"tree", "commit"}
# Lone surrogates can't be written to a disk, a database or an address.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
# What `git check-ref-format` refuses in a name, and a leading dash, which git takes for an option.
_NO_REF = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]|\.\.|//|@\{|^[/.-]|[/.]$|/\.|\.lock(/|$)|^@$",
)


@dataclass(frozen=True)
class RepoRef:
    """What a person meant: a repository and, where they said so, a revision and a file of it."""

    repo: str
    revision: str | None = None
    filename: str | None = None


def path_problem(path: str) -> str | None:
    """What forbids a repository's file name as a place below a folder, in words, or None."""
    parts = path.split("/")
    if _UNPRINTABLE.search(path):
        return "holds a backslash or a control character"
    if not path or any(part in ("", ".", "..") for part in parts):
        return "is absolute, empty or leads out of its folder"
    if any(len(part.encode(errors="replace")) > 255 for part in parts):
        return "is too long"
    return None


def repo_id_problem(repo: str) -> str | None:
    """What forbids `owner/name` (or a legacy one-part name) by the Hub's own rule, in words, or None."""
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        return str(error)
    return None


def revision_problem(revision: str) -> str | None:
    """What forbids a branch, tag, full ref (`refs/pr/1`) or commit, in words, or None."""
    if not revision or len(revision.encode(errors="replace")) > 255:
        return "A revision has 1 to 255 characters."
    if _NO_REF.search(revision):
        return "A revision is a branch, a tag, refs/pr/N or a commit, in the characters that git allows."
    return None


def parse_repo(text: str, *, endpoint: str = PUBLIC_ENDPOINT) -> RepoRef:
    """Take `owner/name`, `gpt2` or the address of a page or file on the Hub apart.

    ValueError with a sentence for a person if it is none of these.
    """
    text = text.strip()
    if "://" in text or text.split("/")[0].lower() in _PUBLIC_HOSTS:
        return _from_url(text if "://" in text else f"https://{text}", endpoint=endpoint)
    return RepoRef(_valid_repo(text))


def _from_url(text: str, *, endpoint: str) -> RepoRef:
    parts = _path_parts(text, endpoint=endpoint)
    if not parts:
        raise ValueError(f"{text} names no model: give owner/name.")
    if parts[0] in _OTHER_KINDS:
        raise ValueError(f"{text} is not a model; only model repositories can be downloaded.")
    width = 1 if len(parts) == 1 or (parts[1] in _VERBS and len(parts) > 2) else 2
    repo = _valid_repo("/".join(parts[:width]))
    verb, rest = (parts[width], parts[width + 1 :]) if len(parts) > width else ("", [])
    return _with_place(repo, verb, rest) if verb else RepoRef(repo)


def _path_parts(text: str, *, endpoint: str) -> list[str]:
    url, own = urlsplit(text), urlsplit(endpoint)
    if url.scheme not in ("http", "https"):
        raise ValueError(f"{text} is no address of a model: it must begin with https://.")
    host = url.netloc.rpartition("@")[2].lower()
    is_own = host == own.netloc.lower()
    if not is_own and host not in _PUBLIC_HOSTS:
        raise ValueError(f"{host} is not the Hub; give owner/name or an address at {endpoint}.")
    path = url.path.removeprefix(own.path.rstrip("/")) if is_own else url.path
    # Split before unquoting: a slash inside a revision comes as %2F.
    return [unquote(part) for part in path.split("/") if part]


def _with_place(repo: str, verb: str, rest: list[str]) -> RepoRef:
    if verb not in _VERBS or not rest:
        raise ValueError(f"This address is no page of a model's files; give {repo} or the address of a file.")
    width = 3 if rest[0] == "refs" else 1
    revision, path = "/".join(rest[:width]), "/".join(rest[width:])
    if problem := revision_problem(revision):
        raise ValueError(problem)
    if verb not in _FILE_VERBS:
        return RepoRef(repo, revision)
    if problem := path_problem(path):
        raise ValueError(f"The address names no file: its path {problem}.")
    return RepoRef(repo, revision, path)


def _valid_repo(repo: str) -> str:
    if problem := repo_id_problem(repo):
        raise ValueError(problem)
    return repo
