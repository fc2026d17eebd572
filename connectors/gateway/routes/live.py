"""What changes, as it changes: server-sent events and the same over a WebSocket."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool

from connectors.gateway.auth import Principal
from connectors.gateway.depends import Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.state import State

router = APIRouter(prefix="/api/v1", tags=["live"])
STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events until the client leaves.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


async def while_good(
    parts: State, reader: Principal, stream: AsyncGenerator[dict[str, Any]]
) -> AsyncGenerator[dict[str, Any]]:
    """A stream that ends when the token of whoever listens has ended or was withdrawn."""
    async with contextlib.aclosing(stream):
        async for told in stream:
            if not await is_good(parts, reader):
                return
            yield told


async def is_good(parts: State, reader: Principal) -> bool:
    """Whether somebody's token is still good."""
    try:
        if parts.revocations.is_fresh(reader.tenant_id):
            parts.revocations.refuse(reader)
        else:
            await run_in_threadpool(parts.revocations.refuse, reader)
    except Problem:
        return False
    return True


@router.get(
    "/live", summary="What changes, as server-sent events", response_class=EventSourceResponse, responses=STREAM
)
async def live(parts: Parts, reader: Reader) -> EventSourceResponse:
    """`changes`: a list of events, four times a second at most, the latest for each thing; `pulse`: rates and delay."""
    told = while_good(parts, reader, parts.hub.listen(reader.tenant_id))
    return EventSourceResponse(told, ping=15, headers={"Cache-Control": "no-store"})


@router.websocket("/ws")
async def ws(socket: WebSocket, parts: Parts, reader: Reader) -> None:
    """The same as JSON texts `{"event": ..., "data": ...}`; a bearer token or the console's session is needed."""
    await socket.accept()
    gone = asyncio.create_task(_until_gone(socket))
    stream = while_good(parts, reader, parts.hub.listen(reader.tenant_id))
    try:
        async for told in stream:
            if gone.done():
                break
            await socket.send_text(f'{{"event":"{told["event"]}","data":{told["data"]}}}')
    except WebSocketDisconnect:
        return
    finally:
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone
        await stream.aclose()


async def _until_gone(socket: WebSocket) -> None:
    """What a console says is not heard; that it leaves is."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
