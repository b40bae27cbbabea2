"""The DDL of the catalog's tables as it was released, step by step; frozen. :mod:`archive.migrations` runs it."""

from __future__ import annotations

TABLES = """
CREATE TABLE "agencies" (
  "name" TEXT NOT NULL,
  "title" TEXT NOT NULL,
  "base_url" TEXT NOT NULL,
  "template" TEXT NOT NULL,
  PRIMARY KEY ("name")
);

CREATE TABLE "channels" (
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "name" TEXT NOT NULL,
  "seed_url" TEXT NOT NULL,
  "position" INTEGER NOT NULL,
  "walked_to_end_at" TEXT,
  "total" INTEGER,
  "pages" INTEGER,
  "walked_crawl_id" TEXT REFERENCES "crawls"("id"),
  PRIMARY KEY ("agency", "name")
);

CREATE TABLE "crawls" (
  "id" TEXT NOT NULL,
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "mode" TEXT NOT NULL,
  "started_at" TEXT NOT NULL,
  "finished_at" TEXT,
  "outcome" TEXT NOT NULL,
  "reason" TEXT,
  "software" TEXT NOT NULL,
  "options" TEXT NOT NULL,
  "counts" TEXT,
  PRIMARY KEY ("id")
);
CREATE INDEX "idx_crawls_agency_started_at" ON "crawls" ("agency", "started_at");

CREATE TABLE "warc_files" (
  "path" TEXT NOT NULL,
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "opened_at" TEXT NOT NULL,
  "closed_at" TEXT,
  "bytes" INTEGER,
  "sha256" TEXT,
  PRIMARY KEY ("path")
);

CREATE TABLE "captures" (
  "id" INTEGER PRIMARY KEY,
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "kind" TEXT NOT NULL,
  "url" TEXT NOT NULL,
  "method" TEXT NOT NULL,
  "request_digest" TEXT,
  "status" INTEGER,
  "media_type" TEXT,
  "captured_at" TEXT NOT NULL,
  "warc_file" TEXT NOT NULL REFERENCES "warc_files"("path"),
  "offset" INTEGER NOT NULL,
  "length" INTEGER NOT NULL,
  "record_id" TEXT NOT NULL,
  "block_digest" TEXT NOT NULL,
  "payload_digest" TEXT,
  "payload_bytes" INTEGER NOT NULL,
  "truncated" TEXT,
  "revisit_profile" TEXT,
  "refers_to" TEXT,
  "etag" TEXT,
  "last_modified" TEXT,
  "ip" TEXT,
  "request_record_id" TEXT,
  "metadata_record_id" TEXT,
  "request_offset" INTEGER,
  "group_length" INTEGER NOT NULL,
  "channel" TEXT,
  "via" TEXT,
  "tls_version" TEXT,
  "tls_cipher" TEXT,
  "elapsed_seconds" REAL,
  UNIQUE ("record_id")
);
CREATE INDEX "idx_captures_payload_digest" ON "captures" ("payload_digest");
CREATE INDEX "idx_captures_agency_url" ON "captures" ("agency", "url");
CREATE INDEX "idx_captures_warc_file_offset" ON "captures" ("warc_file", "offset");
CREATE INDEX "idx_captures_crawl_id_kind" ON "captures" ("crawl_id", "kind");

CREATE TABLE "documents" (
  "id" TEXT NOT NULL,
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "url" TEXT NOT NULL,
  "url_key" TEXT NOT NULL,
  "key" TEXT,
  "state" TEXT NOT NULL,
  "state_since_at" TEXT NOT NULL,
  "first_captured_at" TEXT NOT NULL,
  "last_captured_at" TEXT NOT NULL,
  "last_checked_at" TEXT NOT NULL,
  "last_crawl_id" TEXT REFERENCES "crawls"("id"),
  "failures" INTEGER NOT NULL,
  "first_failed_at" TEXT,
  "current_version_id" INTEGER REFERENCES "versions"("id"),
  "first_capture_id" INTEGER REFERENCES "captures"("id"),
  PRIMARY KEY ("id"),
  UNIQUE ("agency", "url_key")
);
CREATE INDEX "idx_documents_agency_key" ON "documents" ("agency", "key");
CREATE INDEX "idx_documents_agency_state" ON "documents" ("agency", "state");

CREATE TABLE "aliases" (
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "url" TEXT NOT NULL,
  "url_key" TEXT NOT NULL,
  "document_id" TEXT NOT NULL REFERENCES "documents"("id"),
  "first_seen_at" TEXT NOT NULL,
  PRIMARY KEY ("agency", "url_key")
);
CREATE INDEX "idx_aliases_document_id" ON "aliases" ("document_id");

CREATE TABLE "listings" (
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "channel" TEXT NOT NULL,
  "url" TEXT NOT NULL,
  "url_key" TEXT NOT NULL,
  "key" TEXT,
  "title" TEXT NOT NULL,
  "publish_date" TEXT,
  "date_text" TEXT,
  "position" INTEGER NOT NULL,
  "pinned" INTEGER NOT NULL,
  "offsite" INTEGER NOT NULL,
  "document_id" TEXT REFERENCES "documents"("id"),
  "first_listed_at" TEXT NOT NULL,
  "last_listed_at" TEXT NOT NULL,
  "first_crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "last_crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "capture_id" INTEGER REFERENCES "captures"("id"),
  PRIMARY KEY ("agency", "channel", "url_key")
);
CREATE INDEX "idx_listings_document_id" ON "listings" ("document_id");
CREATE INDEX "idx_listings_agency_url_key" ON "listings" ("agency", "url_key");
CREATE INDEX "idx_listings_agency_key" ON "listings" ("agency", "key");

CREATE TABLE "versions" (
  "id" INTEGER PRIMARY KEY,
  "document_id" TEXT NOT NULL REFERENCES "documents"("id"),
  "number" INTEGER NOT NULL,
  "capture_id" INTEGER NOT NULL REFERENCES "captures"("id"),
  "captured_at" TEXT NOT NULL,
  "version_digest" TEXT NOT NULL,
  "text_digest" TEXT,
  "title" TEXT,
  "subtitle" TEXT,
  "publish_date" TEXT,
  "publish_time" TEXT,
  "publish_date_source" TEXT,
  "publish_date_text" TEXT,
  "written_date" TEXT,
  "effective_date" TEXT,
  "expiry_date" TEXT,
  "source" TEXT,
  "publisher" TEXT,
  "author" TEXT,
  "index_number" TEXT,
  "document_number" TEXT,
  "topic" TEXT,
  "validity" TEXT,
  "keywords" TEXT,
  "text" TEXT,
  "tables" TEXT NOT NULL,
  "cites" TEXT NOT NULL,
  "method" TEXT NOT NULL,
  "extractor_version" TEXT NOT NULL,
  "trafilatura_version" TEXT,
  "encoding" TEXT,
  "container" TEXT,
  "agreement" REAL,
  "flags" TEXT NOT NULL,
  "changed_fields" TEXT NOT NULL,
  UNIQUE ("document_id", "number")
);
CREATE INDEX "idx_versions_capture_id" ON "versions" ("capture_id");
CREATE INDEX "idx_versions_captured_at" ON "versions" ("captured_at");

CREATE TABLE "files" (
  "version_id" INTEGER NOT NULL REFERENCES "versions"("id"),
  "kind" TEXT NOT NULL,
  "position" INTEGER NOT NULL,
  "url" TEXT NOT NULL,
  "label" TEXT,
  "filename" TEXT,
  "media_type" TEXT,
  "bytes" INTEGER,
  "sha256" TEXT,
  "capture_id" INTEGER REFERENCES "captures"("id"),
  "error" TEXT,
  PRIMARY KEY ("version_id", "kind", "position")
);
CREATE INDEX "idx_files_sha256" ON "files" ("sha256");
CREATE INDEX "idx_files_url" ON "files" ("url");

CREATE TABLE "states" (
  "id" INTEGER PRIMARY KEY,
  "document_id" TEXT NOT NULL REFERENCES "documents"("id"),
  "state" TEXT NOT NULL,
  "at" TEXT NOT NULL,
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "capture_id" INTEGER REFERENCES "captures"("id"),
  "reason" TEXT NOT NULL
);
CREATE INDEX "idx_states_document_id_at" ON "states" ("document_id", "at");

CREATE TABLE "failures" (
  "id" INTEGER PRIMARY KEY,
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "url" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "channel" TEXT,
  "reason" TEXT NOT NULL,
  "message" TEXT NOT NULL,
  "capture_id" INTEGER REFERENCES "captures"("id"),
  "record_id" TEXT,
  "at" TEXT NOT NULL
);
CREATE INDEX "idx_failures_crawl_id_reason" ON "failures" ("crawl_id", "reason");
CREATE INDEX "idx_failures_agency_url" ON "failures" ("agency", "url");

CREATE VIEW "attachments" AS SELECT * FROM files WHERE kind = 'attachment';
"""

FILE_TEXTS = """\
CREATE TABLE "file_texts" (
  "sha256" TEXT NOT NULL,
  "media_type_sniffed" TEXT NOT NULL,
  "status" TEXT NOT NULL,
  "reason" TEXT,
  "pages" INTEGER,
  "text" TEXT,
  "tables" TEXT NOT NULL,
  "members" TEXT NOT NULL,
  "flags" TEXT NOT NULL,
  "reader_version" TEXT NOT NULL,
  "read_at" TEXT NOT NULL,
  PRIMARY KEY ("sha256")
);
CREATE INDEX "idx_file_texts_status" ON "file_texts" ("status");
"""

FRONTIER = """\
CREATE TABLE "frontier" (
  "id" INTEGER PRIMARY KEY,
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "kind" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "priority" INTEGER NOT NULL,
  "url" TEXT NOT NULL,
  "url_key" TEXT NOT NULL,
  "key" TEXT,
  "channel" TEXT,
  "via" TEXT,
  "why" TEXT NOT NULL,
  "document_id" TEXT REFERENCES "documents"("id"),
  "of_id" INTEGER,
  "answered_url" TEXT,
  "capture_id" INTEGER REFERENCES "captures"("id"),
  "reason" TEXT,
  "job" TEXT NOT NULL,
  UNIQUE ("crawl_id", "kind", "url_key")
);
CREATE INDEX "idx_frontier_crawl_id_state_kind_priority" ON "frontier" ("crawl_id", "state", "kind", "priority");
CREATE INDEX "idx_frontier_crawl_id_key" ON "frontier" ("crawl_id", "key");
CREATE INDEX "idx_frontier_crawl_id_document_id" ON "frontier" ("crawl_id", "document_id");
CREATE INDEX "idx_frontier_of_id" ON "frontier" ("of_id");
CREATE INDEX "idx_frontier_agency" ON "frontier" ("agency");
"""

CHANGES = """\
CREATE TABLE "changes" (
  "id" INTEGER PRIMARY KEY,
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "document_id" TEXT NOT NULL REFERENCES "documents"("id"),
  "change" TEXT NOT NULL,
  "at" TEXT NOT NULL,
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "capture_id" INTEGER REFERENCES "captures"("id"),
  "before_capture_id" INTEGER REFERENCES "captures"("id"),
  "version_id" INTEGER REFERENCES "versions"("id"),
  "previous_version_id" INTEGER REFERENCES "versions"("id"),
  "fields" TEXT NOT NULL,
  "diff" TEXT,
  "from_url" TEXT,
  "to_url" TEXT,
  "reason" TEXT
);
CREATE INDEX "idx_changes_agency_at" ON "changes" ("agency", "at");
CREATE INDEX "idx_changes_document_id_at" ON "changes" ("document_id", "at");
CREATE INDEX "idx_changes_at" ON "changes" ("at");
CREATE INDEX "idx_changes_version_id" ON "changes" ("version_id");

CREATE TABLE "change_captures" (
  "change_id" INTEGER NOT NULL REFERENCES "changes"("id"),
  "position" INTEGER NOT NULL,
  "role" TEXT NOT NULL,
  "capture_id" INTEGER NOT NULL REFERENCES "captures"("id"),
  PRIMARY KEY ("change_id", "position")
);
CREATE INDEX "idx_change_captures_capture_id" ON "change_captures" ("capture_id");
"""

FINDINGS = """\
CREATE TABLE "walks" (
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "channel" TEXT NOT NULL,
  "ended_at" TEXT NOT NULL,
  "ending" TEXT NOT NULL,
  "pages" INTEGER,
  "total" INTEGER,
  "skipped" INTEGER NOT NULL,
  "lines" INTEGER NOT NULL,
  "fresh" INTEGER NOT NULL,
  "dated" INTEGER NOT NULL,
  "undated" INTEGER NOT NULL,
  "days" INTEGER NOT NULL,
  "future" INTEGER NOT NULL,
  "garbled" INTEGER NOT NULL,
  "capture_id" INTEGER REFERENCES "captures"("id"),
  PRIMARY KEY ("crawl_id", "channel")
);
CREATE INDEX "idx_walks_agency_channel_ended_at" ON "walks" ("agency", "channel", "ended_at");

CREATE TABLE "findings" (
  "id" INTEGER PRIMARY KEY,
  "crawl_id" TEXT NOT NULL REFERENCES "crawls"("id"),
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "channel" TEXT,
  "kind" TEXT NOT NULL,
  "severity" TEXT NOT NULL,
  "facts" TEXT NOT NULL,
  "capture_id" INTEGER REFERENCES "captures"("id"),
  "at" TEXT NOT NULL
);
CREATE INDEX "idx_findings_crawl_id" ON "findings" ("crawl_id");
CREATE INDEX "idx_findings_agency_kind" ON "findings" ("agency", "kind");

ALTER TABLE "crawls" ADD COLUMN "verdict" TEXT;
"""

SEARCH = """\
CREATE TABLE "search_rows" (
  "id" INTEGER PRIMARY KEY,
  "document_id" TEXT NOT NULL REFERENCES "documents"("id"),
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "publish_date" TEXT,
  "attachments" INTEGER NOT NULL,
  "kind" TEXT,
  "indexed" BLOB NOT NULL,
  UNIQUE ("document_id")
);
CREATE INDEX "idx_search_rows_agency" ON "search_rows" ("agency");
CREATE VIRTUAL TABLE "search_index" USING fts5(
  title, number, body, tables, files, content='',
  tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co P* S* Mn Mc Me'"
);
"""

WITHHELD = """\
CREATE TABLE "withheld" (
  "document_id" TEXT NOT NULL,
  "urls" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "by" TEXT NOT NULL,
  "since_at" TEXT NOT NULL,
  PRIMARY KEY ("document_id")
)
"""

LEASES = """\
CREATE TABLE "leases" (
  "agency" TEXT NOT NULL,
  "group_name" TEXT NOT NULL,
  "token" INTEGER NOT NULL,
  "holder" TEXT NOT NULL,
  "leased_at" TEXT NOT NULL,
  "lease_until" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "shard" TEXT,
  PRIMARY KEY ("agency")
);
CREATE INDEX "idx_leases_token" ON "leases" ("token");
CREATE INDEX "idx_leases_group_name" ON "leases" ("group_name");
"""
