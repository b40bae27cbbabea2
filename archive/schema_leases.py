"""The table of who crawls which agencies in a shard (:mod:`archive.leases`)."""

from __future__ import annotations

from archive.columns import Table, integer, text, text_or_null

LEASES = Table(
    name="leases",
    zh="租约",
    en="Agencies that are, or were last, crawled in a shard: by whom, until when. Operational: no WARC file tells it.",
    primary_key=("agency",),
    indexes=(("token",), ("group_name",)),
    columns=(
        text("agency", "机构代号", "Agency that is lent; it may not be in the catalog yet."),
        text("group_name", "服务器组", "Server group it was lent with: never lent twice at a time."),
        integer("token", "令牌", "Fencing token of the lease; every later lease has a greater one."),
        text("holder", "持有者", "Who crawls it."),
        text("leased_at", "租出时间", "When it was lent."),
        text("lease_until", "租期", "When the lease ends unless it is renewed."),
        text(
            "state",
            "状态",
            "held (over once lease_until is past), merging (its shard is being merged: nobody else may touch the agency),"
            " merged, or free (given back without a shard).",
        ),
        text_or_null("shard", "分片", "Name of the shard that was checked out for it."),
    ),
)
