import pytest

from shared.broker import broker_url


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://:pw@host:6379/1", "redis://:pw@host:6379/1"),
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
        ("rediss://host/0", "rediss://host/0?ssl_cert_reqs=CERT_REQUIRED"),
        ("rediss://host/0?ssl_cert_reqs=CERT_NONE", "rediss://host/0?ssl_cert_reqs=CERT_NONE"),
    ],
)
def test_a_redis_url_becomes_a_broker_url(redis_url: str, expected: str) -> None:
    assert broker_url(redis_url) == expected
