"""Why a URL is fetched: what a request carries from who asks for it to its capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archive.model import Kind


def request_meta(
    kind: Kind,
    *,
    channel: str | None = None,
    via: str | None = None,
    hops: str = "",
    entry: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the part of ``Request.meta`` that says why a URL is fetched; it is archived with the capture."""
    return {"govcrawl": {"kind": kind, "channel": channel, "via": via, "hops": hops, "entry": dict(entry or {})}}
