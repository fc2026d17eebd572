"""What changes, as it changes: server-sent events and the same over a WebSocket."""

import asyncio
import contextlib
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from sse_starlette import EventSourceResponse

from connectors.gateway.depends import Parts, Reader

router = APIRouter(prefix="/api/v1", tags=["live"])
STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events until the client leaves.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/live", summary="What changes, as server-sent events", response_class=EventSourceResponse, responses=STREAM
)
async def live(parts: Parts, reader: Reader) -> EventSourceResponse:
    """`changes`: a list of events, four times a second at most, the latest for each thing; `pulse`: rates and delay."""
    return EventSourceResponse(parts.hub.listen(reader.tenant_id), ping=15, headers={"Cache-Control": "no-store"})


@router.websocket("/ws")
async def ws(socket: WebSocket, parts: Parts, reader: Reader) -> None:
    """The same as JSON texts `{"event": ..., "data": ...}`; a bearer token or the console's session is needed."""
    await socket.accept()
    gone = asyncio.create_task(_until_gone(socket))
    stream = parts.hub.listen(reader.tenant_id)
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
