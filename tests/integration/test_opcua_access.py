"""What OPC-UA servers and the process `mes-opcua` ask of each other before one listens: names, keys, certificates."""

import asyncio
import json
import shutil
import socket
from typing import Any

import pytest
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from connectors.transports.opcua_session import TROUBLE, NotConfigured, sentence, session
from schemas.settings import OpcUaEndpoint
from tests.integration.bridges import Connector, Ear, await_status
from tests.integration.floors import Floor, Ground, tries
from tests.plants import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


async def refusal(endpoint: OpcUaEndpoint) -> str:
    """The sentence in which a session ends that must not come about."""
    with pytest.raises((*TROUBLE, NotConfigured)) as refused:
        async with session(endpoint, endpoint.url, 1.0):
            pass
    return sentence(refused.value, endpoint)


def complaint(connector: Connector) -> str:
    """The sentence in which the process says first that it cannot hear its server."""
    eventually(lambda: tries(connector), 20, "nothing is said")
    assert "Traceback" not in connector.log
    line = next(line for line in connector.log.splitlines() if "cannot be heard" in line)
    return str(json.loads(line)["error"])


@pytest.fixture(scope="module")
def locked(floors: Ground) -> Floor:
    """A server that wants a user and a password."""
    place = floors.floor(username="listener", password="right")
    place.open("M-9")
    return place


def test_a_wrong_password_is_said_in_a_sentence_and_the_right_one_helps(
    floors: Ground, locked: Floor, ear: Ear
) -> None:
    from_the_environment = locked.endpoint.model_copy(update={"password": "$OPCUA_PASSWORD"})
    connector = floors.connector(["M-9"], from_the_environment)
    connector.start(lines=0, OPCUA_PASSWORD="wrong")
    assert complaint(connector).startswith("The server refuses user listener or its password")
    ear.listen()
    assert [each for each in ear.said() if each.payload.machine_id == "M-9"] == []
    assert connector.stop() == 0
    connector.start(OPCUA_PASSWORD="right")
    await_status(ear, "M-9", "idle")
    connector.kill()


async def test_a_server_that_wants_a_name_and_is_told_none_is_said_in_a_sentence(locked: Floor) -> None:
    anonymous = locked.endpoint.model_copy(update={"username": None, "password": None})
    assert (await refusal(anonymous)).startswith("The server lets nobody in without a name; give username and password")


@pytest.fixture(scope="module")
def secured(floors: Ground) -> Floor:
    """A server that asks for Basic256Sha256, SignAndEncrypt, trusts our certificate and is trusted."""
    ours, theirs = floors.folder / "ours", floors.folder / "theirs"
    ours.mkdir()
    theirs.mkdir()
    certificate, key = ours / "certificate.der", floors.folder / "key.pem"
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
    asyncio.run(setup_self_signed_certificate(key, certificate, "urn:mes-opcua", socket.gethostname(), usage, {}))
    place = floors.floor(
        security_policy="Basic256Sha256",
        security_mode="SignAndEncrypt",
        certificate=str(certificate),
        private_key=str(key),
        trust_list=str(theirs),
    )
    place.open("M-8")
    shutil.copy(place.folder / "server-certificate.der", theirs)
    return place


def test_a_server_that_signs_and_encrypts_is_heard_once_it_is_trusted(floors: Ground, secured: Floor, ear: Ear) -> None:
    mistaken = secured.endpoint.model_copy(update={"trust_list": str(floors.folder / "ours")})
    connector = floors.connector(["M-8"], mistaken)
    connector.start(lines=0)
    assert "is not accepted: BadCertificateUntrusted. The certificates that we trust lie in" in complaint(connector)
    ear.listen()
    assert ear.said() == []
    shutil.copy(secured.folder / "server-certificate.der", floors.folder / "ours")
    secured.write("M-8", CurrentStatus="Producing")
    await_status(ear, "M-8", "running")
    connector.kill()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"trust_list": "nowhere"}, "The certificates of OPC-UA endpoint line2"),
        ({"private_key": "ours/certificate.der"}, "The private key of OPC-UA endpoint line2"),
        ({"private_key": "nowhere.pem"}, "The private key of OPC-UA endpoint line2"),
        ({"certificate": "key.pem"}, "The certificates of OPC-UA endpoint line2"),
        ({"certificate": None}, "name its certificate, private_key and trust_list in the plant layout"),
        ({"security_policy": "None"}, "name its security_policy"),
        ({"security_mode": "None", "security_policy": "None"}, "The server does not offer what the plant layout asks"),
        ({"security_policy": "Aes256Sha256RsaPss"}, "The server does not offer what the plant layout asks"),
    ],
)
async def test_security_that_does_not_hold_is_said_in_a_sentence(
    floors: Ground, secured: Floor, changes: dict[str, Any], expected: str
) -> None:
    is_path = {name: value is not None and not name.startswith("security") for name, value in changes.items()}
    told = {name: str(floors.folder / value) if is_path[name] else value for name, value in changes.items()}
    assert expected in await refusal(secured.endpoint.model_copy(update=told))
