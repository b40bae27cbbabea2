"""``verify``: says what is wrong with an archive, and repairs nothing.

Strict, streaming and independent of the code that writes: WARC files (WARC 1.1, RFC 1952, RFC 9112), catalog and WARC
files against each other, manifests and their chain, CDXJ indexes and WACZ packages. Whatever is read may be hostile:
memory is bounded, no name from a file is followed out of where it was found, and nothing is written anywhere.
"""

from __future__ import annotations

from archive.progress import Progress, silent
from archive.verify.findings import CODES, Finding, Severity
from archive.verify.paths import UnknownKind, verify_paths
from archive.verify.reading import Counts
from archive.verify.scan import Job, Scan, scan_path
from archive.verify.warc import Batch

__all__ = [
    "CODES",
    "Batch",
    "Counts",
    "Finding",
    "Job",
    "Progress",
    "Scan",
    "Severity",
    "UnknownKind",
    "scan_path",
    "silent",
    "verify_paths",
]
