"""What seals secrets: only the right key opens, for the right tenant and name, and nothing that was changed."""

import base64
from pathlib import Path

import pytest

from connectors.credentials import Keys, Unsealable, new_key_line, secret
from schemas.settings import DEFAULT_TENANT, Settings

NEIGHBOUR = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(new_key_line() + "\n")
    return path


def test_what_is_sealed_opens_again_and_does_not_show(key_file: Path) -> None:
    sealed = Keys(key_file).seal(DEFAULT_TENANT, "mes_password", "geheim")
    assert b"geheim" not in sealed.box
    assert Keys(key_file).open(DEFAULT_TENANT, sealed) == "geheim"


def test_the_same_secret_never_looks_the_same(key_file: Path) -> None:
    keys = Keys(key_file)
    assert keys.seal(DEFAULT_TENANT, "a", "geheim").box != keys.seal(DEFAULT_TENANT, "a", "geheim").box


@pytest.mark.parametrize("change", ["tenant", "name", "bytes"])
def test_a_box_that_was_moved_or_changed_does_not_open(key_file: Path, change: str) -> None:
    keys = Keys(key_file)
    sealed = keys.seal(DEFAULT_TENANT, "mes_password", "geheim")
    tenant = NEIGHBOUR if change == "tenant" else DEFAULT_TENANT
    if change == "name":
        sealed = sealed._replace(name="smtp_url")
    if change == "bytes":
        sealed = sealed._replace(box=bytes([sealed.box[0] ^ 1]) + sealed.box[1:])
    with pytest.raises(Unsealable, match="it was changed"):
        keys.open(tenant, sealed)


def test_an_old_key_opens_and_the_first_one_seals(key_file: Path) -> None:
    sealed = Keys(key_file).seal(DEFAULT_TENANT, "mes_password", "geheim")
    key_file.write_text(f"new {base64.b64encode(bytes(32)).decode()}\n{key_file.read_text()}")
    keys = Keys(key_file)
    assert keys.open(DEFAULT_TENANT, sealed) == "geheim"
    assert keys.seal(DEFAULT_TENANT, "mes_password", "geheim").key_id == "new"
    key_file.write_text(key_file.read_text().splitlines()[0])
    with pytest.raises(Unsealable, match="which is not in the key file"):
        Keys(key_file).open(DEFAULT_TENANT, sealed)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no key"),
        ("k1 AAAA", "Key k1 has 3 bytes, not 32."),
        ("k1 not base64!", "Key k1 is not base64."),
    ],
)
def test_a_bad_key_file_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(Unsealable, match=sentence):
        Keys(path)


def test_a_key_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unsealable, match="cannot be read: No such file"):
        Keys(tmp_path / "nowhere")


def test_a_file_goes_before_the_environment_and_is_read_again_at_every_use(tmp_path: Path) -> None:
    settings = Settings(mes_password="from the environment", credentials_dir=tmp_path)
    assert secret(settings, None, "mes_password") == "from the environment"
    for value in ("first", "second"):
        (tmp_path / "mes_password").write_text(f"{value}\n")
        assert secret(settings, None, "mes_password") == value
