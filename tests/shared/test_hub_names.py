import pytest

from shared.hub_names import RepoRef, parse_repo, path_problem, repo_id_problem, revision_problem


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("owner/name", RepoRef("owner/name")),
        ("  gpt2 ", RepoRef("gpt2")),
        ("https://huggingface.co/owner/name", RepoRef("owner/name")),
        ("https://huggingface.co/owner/name/", RepoRef("owner/name")),
        ("huggingface.co/owner/name", RepoRef("owner/name")),
        ("https://hf.co/gpt2", RepoRef("gpt2")),
        ("http://www.huggingface.co/owner/name?library=x#top", RepoRef("owner/name")),
        ("https://huggingface.co/gpt2/tree/main", RepoRef("gpt2", "main")),
        ("https://huggingface.co/owner/name/tree/v1.0", RepoRef("owner/name", "v1.0")),
        ("https://huggingface.co/owner/name/tree/refs%2Fpr%2F3", RepoRef("owner/name", "refs/pr/3")),
        ("https://huggingface.co/owner/name/tree/refs/pr/3", RepoRef("owner/name", "refs/pr/3")),
        ("https://huggingface.co/owner/name/commit/" + "a" * 40, RepoRef("owner/name", "a" * 40)),
        ("https://huggingface.co/owner/name/tree/main/sub", RepoRef("owner/name", "main")),
        (
            "https://huggingface.co/owner/name/blob/main/sub/a%20b.gguf",
            RepoRef("owner/name", "main", "sub/a b.gguf"),
        ),
        (
            "https://huggingface.co/owner/name/resolve/dev/m.gguf?download=true",
            RepoRef("owner/name", "dev", "m.gguf"),
        ),
        ("https://mirror.example:8443/hf/owner/name/raw/main/x", RepoRef("owner/name", "main", "x")),
    ],
)
def test_what_people_paste_is_understood(text: str, found: RepoRef) -> None:
    assert parse_repo(text, endpoint="https://mirror.example:8443/hf") == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Repo id"),
        ("a/b/c", "Repo id"),
        ("../../etc", "Repo id"),
        ("https://huggingface.co/datasets/owner/name", "only model"),
        ("https://huggingface.co/spaces/owner/name", "only model"),
        ("https://huggingface.co/", "names no model"),
        ("https://example.com/owner/name", "not the Hub"),
        ("https://huggingface.co.evil.example/owner/name", "not the Hub"),
        ("ftp://huggingface.co/owner/name", "https"),
        ("https://huggingface.co/owner/name/discussions", "no page"),
        ("https://huggingface.co/owner/name/blob/main", "names no file"),
        ("https://huggingface.co/owner/name/blob/main/..%2F..%2Fevil", "names no file"),
        ("https://huggingface.co/owner/name/tree/..", "revision"),
        ("https://huggingface.co/owner--name/x", "Cannot have"),
        ("https://[::1/owner/name", "Invalid|address"),
    ],
)
def test_what_is_no_model_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_repo(text)


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "feature/x", "a" * 40, "é", "a" * 255])
def test_a_revision_that_git_allows_is_fine(revision: str) -> None:
    assert revision_problem(revision) is None


@pytest.mark.parametrize(
    "revision",
    [
        *(
            "",
            "..",
            "a..b",
            "../x",
            "/main",
            "main/",
            "a b",
            "a\\b",
            "a\nb",
            "a\x00",
            "a//b",
            ".hidden",
            "a/.b",
        ),
        *(
            "a\ud800",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "-x",
            "x.lock",
            "x.lock/y",
            "a@{1}",
            "@",
            "x.",
            "a" * 256,
        ),
    ],
)
def test_a_revision_that_git_refuses_is_refused(revision: str) -> None:
    assert revision_problem(revision)


def test_a_file_name_stays_below_its_folder_and_can_be_written_down() -> None:
    assert path_problem("folder/a b-é.gguf") is None
    for bad in ("", "/a", "a/", "a//b", "..", "a/../b", "a\\b", "a\0", "\ud800", "x" * 256):
        assert path_problem(bad), bad


def test_a_repository_name_follows_the_hubs_rule() -> None:
    assert repo_id_problem("owner/name-1.0_x") is None
    assert repo_id_problem("gpt2") is None
    for bad in ("a--b/c", "a..b", "a/b/c", "/a", "a/", "", ".a", "x.git", "a b", "é/x"):
        assert repo_id_problem(bad), bad
