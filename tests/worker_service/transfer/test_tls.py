import datetime
import ipaddress
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import DownloadFailed, HubUnavailable
from shared.manifests import Manifest
from tests.hub_server import HubServer
from tests.worker_service.transfer.conftest import PIECE, REPO, Workshop, some_bytes
from worker_service.transfer import Patience

FILES = {"model.safetensors": some_bytes(5 * PIECE), "config.json": b"{}"}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and its self-signed certificate for the loopback, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test hub")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).add_extension(names, critical=False)
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(hours=1))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    signed = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = tmp_path / "hub.pem"
    path.write_bytes(key.private_bytes(*form) + signed)
    return path


@pytest.fixture
def manifest(hub: HubServer, shop: Workshop) -> Manifest:
    hub.add_repo(REPO, FILES)
    return shop.manifest()


@pytest.fixture
def secure(hub: HubServer, manifest: Manifest, certificate: Path) -> HubServer:
    """The Hub and its store, spoken to by TLS from now on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    for listener in hub._listeners:
        listener.socket = context.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
    hub.url, hub.cdn_url = (url.replace("http:", "https:") for url in (hub.url, hub.cdn_url))
    return hub


@pytest.fixture
def _trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.mark.usefixtures("_trusted", "secure")
def test_files_arrive_by_tls(shop: Workshop, manifest: Manifest) -> None:
    shop.fetch(manifest)
    assert {path: shop.content(manifest, path) for path in FILES} == FILES


@pytest.mark.usefixtures("secure")
def test_a_certificate_that_is_not_trusted_ends_the_transfer_at_once(
    shop: Workshop, manifest: Manifest
) -> None:
    with pytest.raises(HubUnavailable, match="TLS"):
        shop.fetch(manifest, patience=Patience(first_wait=30))


@pytest.mark.usefixtures("_trusted")
def test_a_redirect_from_tls_to_plain_http_is_refused(shop: Workshop, manifest: Manifest, secure) -> None:
    secure.cdn_url = secure.cdn_url.replace("https:", "http:")
    with pytest.raises(DownloadFailed, match="plain http"):
        shop.fetch(manifest)


@pytest.mark.usefixtures("_trusted")
def test_a_stalled_tls_connection_is_stopped_soon(
    shop: Workshop, manifest: Manifest, secure, background
) -> None:
    fault = secure.fault("stall", times=None, where="cdn", after_bytes=1000)
    run = background(shop.transfer(manifest, patience=Patience(read_timeout=30)))
    run.until(lambda: fault.fired >= 1)
    time.sleep(0.1)
    assert run.stop() < 0.5
