"""The store of record: WARC files are the truth, the SQLite catalog can be rebuilt from them.

Knows no crawler and no HTML. Nothing here imports ``govcrawl`` or ``spiders``.
"""
