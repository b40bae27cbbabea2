"""The entity of an answer, taken from the browser before the page gets it."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

if TYPE_CHECKING:
    from playwright.async_api import CDPSession

    from govcrawl.browser_exchange import Hop

logger = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20


async def read_body(cdp: CDPSession, request_id: str, hop: Hop, *, max_bytes: int, seconds: float) -> bool:
    """Read the entity of a paused answer into ``hop``; return whether the page can have the answer.

    Of a redirect the browser keeps no body. An answer that announces more than ``max_bytes`` is kept as a prefix, and one
    that ends early or takes longer than ``seconds`` as a head alone; neither can be given to the page.
    """
    length = hop.value(b"content-length") or ""
    if hop.redirects:
        hop.truncated = None if length == "0" else "unspecified"
        return True
    try:
        async with asyncio.timeout(seconds):
            if length.isdecimal() and int(length) > max_bytes:
                hop.truncated = "length"
                hop.entity = await _read_prefix(cdp, request_id, max_bytes)
                return False
            read = await cdp.send("Fetch.getResponseBody", {"requestId": request_id})
    except (PlaywrightError, TimeoutError) as error:
        logger.debug("no body url=%s: %s", hop.url, error)
        hop.truncated = "time" if isinstance(error, TimeoutError) else "disconnect"
        return False
    hop.entity = b64decode(read["body"]) if read["base64Encoded"] else read["body"].encode()
    return True


async def _read_prefix(cdp: CDPSession, request_id: str, max_bytes: int) -> bytes:
    handle = (await cdp.send("Fetch.takeResponseBodyAsStream", {"requestId": request_id}))["stream"]
    prefix = bytearray()
    while len(prefix) < max_bytes:
        size = min(PIECE_BYTES, max_bytes - len(prefix))
        read = await cdp.send("IO.read", {"handle": handle, "size": size})
        prefix += b64decode(read["data"]) if read.get("base64Encoded") else read["data"].encode()
        if read["eof"]:
            break
    await cdp.send("IO.close", {"handle": handle})
    return bytes(prefix)
