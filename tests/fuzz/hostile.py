"""What attackers, and accidents, send in place of what is expected."""

import json
from typing import Any

from hypothesis import strategies as st

# Any character at all, lone surrogates too.
ANY = st.text(st.characters(exclude_categories=()), max_size=40)

PATHS = (
    "..",
    "../../etc/passwd",
    "../" * 40 + "etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "..\\..\\windows",
    "a/../../b",
    "./a",
    "a//b",
    "a/",
    "~root",
    "%2e%2e%2f%2e%2e%2fetc",
    "..%c0%af",
    "a%00.gguf",
    "\x00",
    "a\x00b",
    "a\nb",
    "\x85",
    "/proc/self/environ",
    "/dev/stdin",
    "CON",
    "-rf",
    "-.gguf",
    " .gguf",
    "x" * 300,
    "/".join(["y" * 200] * 6),
    "m-00001-of-99999.gguf",
    "m-00000-of-00000.gguf",
)
REPOS = (
    "owner/name",
    "gpt2",
    "a/b/c",
    "../..",
    "owner/..",
    "owner--x/name",
    "owner/name.git",
    "owner/name\n",
    "-a/b",
    "é/ï",
    "a" * 200,
    "datasets/owner/name",
    "huggingface.co/owner/name",
    "https://huggingface.co/owner/name/blob/main/%2e%2e/%2e%2e/x",
    "https://huggingface.co/owner/name/blob/main/a%0Ab",
    "https://huggingface.co/owner/name/blob/main/a%C2%85b",
    "https://huggingface.co/owner/name/blob/main/-.gguf",
    "https://huggingface.co/owner/name/blob/main/%20.gguf",
    "https://huggingface.co/owner/name/resolve/main/" + "/".join(["z" * 200] * 7),
    "https://huggingface.co/owner/name/tree/refs%2F..%2F..",
    "https://huggingface.co/owner/name/tree/%ED%A0%80",
    "https://huggingface.co/owner%2Fname/x",
    "https://huggingface.co/owner/name%0A",
    "https://user:secret@huggingface.co/owner/name",
    "https://huggingface.co@evil.example/owner/name",
    "https://huggingface.co.evil.example/owner/name",
    "https://[::1/owner/name",
    "https://hf.co\u2100/owner/name",
    "javascript://huggingface.co/%0aalert(1)",
    "file:///etc/passwd",
)
URLS = (
    "http://127.0.0.1/",
    "http://127.1:6379/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://[::ffff:169.254.169.254]/latest",
    "http://169.254.169.254/latest/meta-data",
    "http://1.1.1.1/v1",
    "https://8.8.8.8:8443/v1",
    "http://1.1.1.1\\@127.0.0.1/",
    "http://1.1.1.1#@127.0.0.1/",
    "http://127.0.0.1%2f@1.1.1.1/",
    "http://[",
    "http://[::1",
    "http://:80/",
    "http://1.1.1.1:99999/",
    "http://1.1.1.1:٣/",
    "http://①.①.①.①/",
    "http://a\u3002b/",
    "http://xn--/",
    "http://" + "a" * 300 + ".example/",
    "http://1.1.1.1/%",
    "http://1.1.1.1/\r\nX: y",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "HTTP://1.1.1.1",
    "http:1.1.1.1",
    "http:///1.1.1.1",
)
WORDS = (
    "",
    " ",
    "\t",
    "\u00a0",
    "\u2028",
    "\u202e",
    "\ud800",
    "\U0001f600" * 70,
    "İ",
    "ß" * 64,
    "admin",
    "ADMIN",
    "null",
    "NaN",
    "-1",
    "1e400",
    "9" * 30,
    "9" * 5000,
    "٣",
    "0x10",
    "' OR 1=1 --",
    "%",
    "\\",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    '=HYPERLINK("x")',
    "a\r\nSet-Cookie: x=y",
    "x" * 256,
    "x" * 5000,
    "[!",
    "[z-a]",
    "*" * 60 + "b",
    "**/*",
    "@{u}",
    "refs/heads/../x",
    "a.lock",
)
TEXTS = st.one_of(st.sampled_from(PATHS + REPOS + URLS + WORDS), ANY)

_PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, 10**30, -(10**400), 0.1, float("inf"), float("nan")]),
    st.integers(),
    TEXTS,
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)

# Where a body is none: neither JSON's grammar nor what Python's reader of it can stand.
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            b" ",
            b"null",
            b"[]",
            b'"x"',
            b"{",
            b"[" * 200_000,
            b'{"a":' * 100_000,
            b'{"name": ' + b"9" * 5000 + b"}",
            b'{"name": 1e400, "name": NaN}',
            b'{"name": "\xff\xfe"}',
            b'{"name": "\xed\xa0\x80"}',
            b"\xef\xbb\xbf{}",
            '{"name": "x"}'.encode("utf-16"),
            b'{"name": "' + b"x" * (1 << 20) + b'"}',
            b"name=x&type=local",
        ]
    ),
)
HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Host",
    "Idempotency-Key",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Origin",
    "Range",
    "Transfer-Encoding",
    "X-CSRF-Token",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-HTTP-Method-Override",
    "X-Request-ID",
)
_HEADER_WORDS = (
    "",
    " ",
    "*",
    "Bearer",
    "Bearer ",
    "Bearer wb_" + "x" * 43,
    "Basic YTpi",
    "Bearer \xff",
    "weighbridge_session=x",
    "weighbridge_session=\xff; session=a.b.c; =;;",
    "application/json; charset=\xff",
    "multipart/form-data",
    "gzip;q=9e999, br;q=-1, *;q=",
    "bytes=0-",
    "bytes=-99999999999999999999",
    "bytes=5-2,a-b",
    "Thu, 99 Foo 9999999999 99:99:99 GMT",
    "0-0",
    "9999999999999999999-9999999999999999999",
    "1-2-3",
    "-",
    "٣-٣",
    "http://evil.example",
    "evil.example:99999",
    "[::",
    "a b",
    "10.0.0.1, 10.0.0.2",
    "fe80::1%eth0",
    "javascript",
    "chunked",
    '"',
    "x" * 200,
    "x" * 5000,
)


def latin(text: str) -> str:
    """As a server hands a header or a path to the app: bytes as Latin-1, and never a line break."""
    # A server ends the header at a line break, so none can reach the app.
    sent = text.encode("utf-8", "surrogatepass").decode("latin-1")
    return sent.translate({ord("\r"): None, ord("\n"): None, ord("\0"): None})


HEADER_VALUES = st.one_of(st.sampled_from(_HEADER_WORDS), TEXTS).map(latin)


def as_json(value: Any) -> bytes:
    """The value as a body, in ASCII: lone surrogates travel as their escapes."""
    return json.dumps(value).encode()
