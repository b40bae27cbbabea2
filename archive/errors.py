"""What can go wrong in the store.

::

    ArchiveError
    ├── ArchiveWriteError    bytes could not be made durable (disk full, no permission, I/O error)
    ├── ArchiveBusy          another process is crawling this agency into this data directory, or it is lent
    ├── CaptureMissing       a catalog row points at a record that is not there
    ├── DigestMismatch       stored bytes do not have the digest that was recorded for them
    ├── UnreadableContent    a content coding cannot be undone within the limits
    ├── BadQuery             what was typed to search for cannot be understood
    ├── LeaseLost            a lease is over, or somebody else's by now
    ├── ShardRefused         a shard cannot be merged as it is; nothing of it was
    │   └── ShardOut         its worker is still crawling it
    ├── TimestampRefused     no time stamp could be had, or it is not one of what was asked
    └── CatalogError         the catalog cannot be used
        ├── SchemaTooNew     written by a later version of this software
        └── UnknownAgency    the catalog has no agency of this name

Every message says who, what, where, what was found, what was expected and what to do next.
"""

from __future__ import annotations


class ArchiveError(Exception):
    """Base of everything the store raises; ``zh`` is the same sentence in Chinese, of what users meet."""

    def __init__(self, message: str = "", *, zh: str | None = None) -> None:
        super().__init__(message)
        self.zh = zh


class ArchiveWriteError(ArchiveError):
    """Bytes could not be made durable; whatever was committed before is intact."""


class ArchiveBusy(ArchiveError):
    """Another process holds this agency's lock."""


class CaptureMissing(ArchiveError):
    """A catalog row points at a WARC record that is not where it should be."""


class DigestMismatch(ArchiveError):
    """Stored bytes differ from the digest that was recorded for them."""


class UnreadableContent(ArchiveError):
    """The content coding of a stored message cannot be undone within the limits."""


class BadQuery(ArchiveError):
    """A search cannot be understood; the message says which part and how it is written."""


class LeaseLost(ArchiveError):
    """A lease is over, was given back, or its agencies are lent to somebody else."""


class ShardRefused(ArchiveError):
    """A shard is damaged, incomplete or of another archive: nothing of it was merged."""


class ShardOut(ShardRefused):
    """A shard's worker has not said that it is done, and its lease is not over."""


class TimestampRefused(ArchiveError):
    """No time stamp could be had, or it is not one of what was asked."""


class CatalogError(ArchiveError):
    """The catalog file is missing, unreadable or not a catalog."""


class SchemaTooNew(CatalogError):
    """The catalog was written by a later version and is left untouched."""


class UnknownAgency(CatalogError):
    """The catalog has no agency of this name; the message names those it has."""
