"""How Temporal is reached: profile, variables and settings, and a server that lets in only who has a certificate."""

import os
from pathlib import Path

import pytest
from temporalio.service import TLSConfig

from tocsin.adapters.temporal_connection import credentials, versioning
from tocsin.domain.errors import Refused
from tocsin.settings import load

PROFILES = """
[profile.cloud]
address = "tocsin.account.example:7233"
namespace = "tocsin.account"
api_key = "from-the-profile"

[profile.mutual]
address = "temporal.example:7233"

[profile.mutual.tls]
client_cert_path = "{folder}/client.crt"
client_key_path = "{folder}/client.key"
server_name = "temporal.example"
"""


@pytest.fixture(autouse=True)
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take every setting of this machine away, and lay out a file of profiles."""
    for name in [name for name in os.environ if name.startswith(("TOCSIN_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "client.crt").write_text("certificate")
    (tmp_path / "client.key").write_text("key")
    (tmp_path / "temporal.toml").write_text(PROFILES.format(folder=tmp_path))
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))


def test_no_file_is_read_without_a_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of profiles that merely lies there chooses nothing: the embedded default stays."""
    (tmp_path / "temporal.toml").write_text('[profile.default]\naddress = "elsewhere.example:7233"\n')
    settings = load()
    assert (settings.temporal_address, credentials(settings)) == ("127.0.0.1:7233", {})


def test_a_profile_says_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile gives address, namespace and API key; with the key, TLS is on."""
    monkeypatch.setenv("TOCSIN_TEMPORAL_PROFILE", "cloud")
    settings = load()
    assert (settings.temporal_address, settings.temporal_namespace) == ("tocsin.account.example:7233", "tocsin.account")
    assert credentials(settings) == {"api_key": "from-the-profile", "tls": True}


def test_our_settings_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An address, a namespace or a key among our own settings wins over the profile's; the key is never printed."""
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("TOCSIN_TEMPORAL_PROFILE", "cloud")
    monkeypatch.setenv("TOCSIN_TEMPORAL_ADDRESS", "127.0.0.1:7")
    monkeypatch.setenv("TOCSIN_TEMPORAL_API_KEY_FILE", str(tmp_path / "key"))
    settings = load()
    assert (settings.temporal_address, settings.temporal_namespace) == ("127.0.0.1:7", "tocsin.account")
    assert credentials(settings)["api_key"] == "from-a-file"
    assert "from-a-file" not in repr(settings)


def test_an_api_key_alone_turns_tls_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is never sent in the clear: without any profile it brings TLS with it."""
    monkeypatch.setenv("TOCSIN_TEMPORAL_API_KEY", "a-key")
    assert credentials(load()) == {"api_key": "a-key", "tls": True}


def test_variables_of_temporal_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal's own variables work without a file, as its command line has them."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
    monkeypatch.setenv("TEMPORAL_TLS", "true")
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_NAME", "inside.example")
    settings = load()
    assert settings.temporal_address == "temporal.example:7233"
    assert credentials(settings) == {"tls": TLSConfig(domain="inside.example")}


def test_a_client_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutual TLS: certificate and key are read from the files that the profile names."""
    monkeypatch.setenv("TOCSIN_TEMPORAL_PROFILE", "mutual")
    tls = credentials(load())["tls"]
    assert (tls.client_cert, tls.client_private_key, tls.domain) == (b"certificate", b"key", "temporal.example")


@pytest.mark.parametrize(
    ("profile", "without", "what"), [("nowhere", "", "nowhere"), ("mutual", "client.key", "client.key")]
)
def test_what_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, without: str, what: str
) -> None:
    """A profile that is not there, or that names a file that is not, stops the start and says so."""
    monkeypatch.setenv("TOCSIN_TEMPORAL_PROFILE", profile)
    if without:
        (tmp_path / without).unlink()
    with pytest.raises(Refused, match=rf"the way to Temporal cannot be read .*{what}"):
        load()


def test_a_version_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker polls unversioned by default; a deployment without a build id, which would get no work, is refused."""
    assert versioning(load()) is None
    monkeypatch.setenv("TOCSIN_WORKER_DEPLOYMENT", "engine")
    with pytest.raises(Refused, match="TOCSIN_WORKER_BUILD_ID go together"):
        load()
    monkeypatch.setenv("TOCSIN_WORKER_BUILD_ID", "0.2.0")
    config = versioning(load())
    assert config is not None
    assert config.version.to_canonical_string() == "engine.0.2.0"
