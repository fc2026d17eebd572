"""Files on an SFTP server: its key is checked, and a file appears there whole, under its name, or not at all."""

import asyncio
import contextlib
import time
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import asyncssh

from connectors.deliveries.kind import Upload
from connectors.resilience import Failure, Trouble
from connectors.transports.addresses import Allowed, Forbidden, resolved
from connectors.transports.answers import Answer, Unreachable
from connectors.transports.oauth import Secret
from schemas.settings import Settings

SSH_PORT: Final = 22
PERMANENT: Final = (asyncssh.HostKeyNotVerifiable, asyncssh.KeyImportError, asyncssh.SFTPPermissionDenied)
MISSING: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


class Files:
    """Uploads; each has a connection of its own."""

    def __init__(self, settings: Settings, secret: Secret) -> None:
        self._settings, self._secret = settings, secret

    async def upload(self, file: Upload) -> Answer:
        """Put a file there; a second time, it is replaced by itself. Raises Failure, Unreachable."""
        url = await self._secret("sftp_url")
        if not url:
            raise Unreachable("SFTP_URL is not set.")
        begin = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.call_timeout_seconds):
                path = await self._put(urlsplit(url), file)
        except TimeoutError as error:
            seconds = f"{self._settings.call_timeout_seconds:g}"
            raise Failure("timeout", f"The SFTP server did not take the file within {seconds} s.") from error
        except Forbidden as error:
            raise Failure("refused", f"The SFTP server may not be called: {error}") from error
        except (asyncssh.Error, OSError) as error:
            raise Failure(trouble_of(error), f"The SFTP server did not take {file.name}: {error}.") from error
        return Answer({"path": path, "bytes": len(file.content.encode())}, None, int((time.monotonic() - begin) * 1000))

    async def _put(self, url: SplitResult, file: Upload) -> str:
        folder = PurePosixPath(url.path or ".")
        target, part = folder / file.name, folder / f".{file.name}.part"
        host, port = url.hostname or "", url.port or SSH_PORT
        address = await asyncio.to_thread(resolved, host, port, Allowed(self._settings.call_allowed))
        async with (
            asyncssh.connect(address, port, host_key_alias=host, **self._options(url)) as connection,
            connection.start_sftp_client() as client,
        ):
            async with client.open(str(part), "wb") as remote:
                await remote.write(file.content.encode())
            await _rename(client, str(part), str(target))
        return str(target)

    def _options(self, url: SplitResult) -> dict[str, Any]:
        """How to sign in. Without SFTP_KNOWN_HOSTS the user's own file counts; an unknown server is never spoken to."""
        options: dict[str, Any] = {
            "known_hosts": self._settings.sftp_known_hosts or (),
            "username": unquote(url.username) if url.username else (),
            "agent_path": None,
            "config": None,
        }
        if url.password:
            options["password"] = unquote(url.password)
        options["client_keys"] = [self._settings.sftp_key_file] if self._settings.sftp_key_file else None
        return options


async def _rename(client: asyncssh.SFTPClient, part: str, target: str) -> None:
    """Over what is there, at one blow; where the server cannot, what is there is taken away first."""
    try:
        await client.posix_rename(part, target)
    except asyncssh.SFTPOpUnsupported:
        with contextlib.suppress(*MISSING):
            await client.remove(target)
        await client.rename(part, target)


def trouble_of(error: Exception) -> Trouble:
    """What an error of SSH or SFTP means for a retry."""
    if isinstance(error, asyncssh.PermissionDenied):
        return "unauthorized"
    if isinstance(error, PERMANENT):
        return "refused"
    if isinstance(error, MISSING):
        return "not_found"
    is_of_server = isinstance(error, asyncssh.SFTPError) and not isinstance(
        error, asyncssh.SFTPNoConnection | asyncssh.SFTPConnectionLost
    )
    return "server_error" if is_of_server else "network"
