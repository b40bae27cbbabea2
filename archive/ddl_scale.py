"""The DDL of ``0012_scale``, frozen: indexes for large catalogs, summaries, and the triggers that keep them true."""

from __future__ import annotations

SCALE = """\
DROP INDEX "idx_captures_payload_digest";
CREATE INDEX "idx_captures_payload_digest_agency" ON "captures" ("payload_digest", "agency");
CREATE INDEX "idx_warc_files_agency_closed_at" ON "warc_files" ("agency", "closed_at");
CREATE INDEX "idx_documents_agency_id" ON "documents" ("agency", "id");
CREATE INDEX "idx_documents_state_since_at" ON "documents" ("state_since_at");
CREATE TABLE "summaries" (
  "agency" TEXT NOT NULL REFERENCES "agencies"("name"),
  "writes" INTEGER NOT NULL,
  "format" INTEGER,
  "figures" TEXT,
  PRIMARY KEY ("agency")
);
INSERT INTO "summaries" ("agency", "writes") SELECT "name", ABS(RANDOM() / 4) FROM "agencies";
CREATE TRIGGER "summaries_agencies_insert" AFTER INSERT ON "agencies" BEGIN
  INSERT INTO summaries ("agency", "writes") VALUES (NEW.name, ABS(RANDOM() / 4)); END;
CREATE TRIGGER "summaries_documents_insert" AFTER INSERT ON "documents" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_documents_update" AFTER UPDATE OF "state", "current_version_id", "first_captured_at" ON "documents" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_documents_delete" AFTER DELETE ON "documents" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_listings_insert" AFTER INSERT ON "listings" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_listings_update" AFTER UPDATE ON "listings" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_listings_delete" AFTER DELETE ON "listings" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_captures_insert" AFTER INSERT ON "captures" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_captures_update" AFTER UPDATE ON "captures" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_captures_delete" AFTER DELETE ON "captures" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_failures_insert" AFTER INSERT ON "failures" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_failures_update" AFTER UPDATE ON "failures" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_failures_delete" AFTER DELETE ON "failures" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_walks_insert" AFTER INSERT ON "walks" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_walks_update" AFTER UPDATE ON "walks" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_walks_delete" AFTER DELETE ON "walks" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_channels_insert" AFTER INSERT ON "channels" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_channels_update" AFTER UPDATE ON "channels" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_channels_delete" AFTER DELETE ON "channels" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_search_rows_insert" AFTER INSERT ON "search_rows" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_search_rows_update" AFTER UPDATE OF "kind" ON "search_rows" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_search_rows_delete" AFTER DELETE ON "search_rows" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = OLD.agency; END;
CREATE TRIGGER "summaries_crawls_insert" AFTER INSERT ON "crawls" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = NEW.agency; END;
CREATE TRIGGER "summaries_versions_insert" AFTER INSERT ON "versions" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = (SELECT d.agency FROM documents AS d WHERE d.id = NEW.document_id); END;
CREATE TRIGGER "summaries_versions_update" AFTER UPDATE ON "versions" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = (SELECT d.agency FROM documents AS d WHERE d.id = NEW.document_id); END;
CREATE TRIGGER "summaries_versions_delete" AFTER DELETE ON "versions" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = (SELECT d.agency FROM documents AS d WHERE d.id = OLD.document_id); END;
CREATE TRIGGER "summaries_files_insert" AFTER INSERT ON "files" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = (SELECT d.agency FROM versions AS v JOIN documents AS d
    ON d.id = v.document_id WHERE v.id = NEW.version_id); END;
CREATE TRIGGER "summaries_files_update" AFTER UPDATE ON "files" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = (SELECT d.agency FROM versions AS v JOIN documents AS d
    ON d.id = v.document_id WHERE v.id = NEW.version_id); END;
CREATE TRIGGER "summaries_files_delete" AFTER DELETE ON "files" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency = (SELECT d.agency FROM versions AS v JOIN documents AS d
    ON d.id = v.document_id WHERE v.id = OLD.version_id); END;
CREATE TRIGGER "summaries_file_texts_insert" AFTER INSERT ON "file_texts" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency IN (SELECT d.agency FROM files AS f CROSS JOIN versions AS v
    ON v.id = f.version_id CROSS JOIN documents AS d ON d.id = v.document_id WHERE f.sha256 = NEW.sha256); END;
CREATE TRIGGER "summaries_file_texts_update" AFTER UPDATE ON "file_texts" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency IN (SELECT d.agency FROM files AS f CROSS JOIN versions AS v
    ON v.id = f.version_id CROSS JOIN documents AS d ON d.id = v.document_id WHERE f.sha256 = NEW.sha256); END;
CREATE TRIGGER "summaries_file_texts_delete" AFTER DELETE ON "file_texts" BEGIN
  UPDATE summaries SET writes = writes + 1, figures = NULL WHERE agency IN (SELECT d.agency FROM files AS f CROSS JOIN versions AS v
    ON v.id = f.version_id CROSS JOIN documents AS d ON d.id = v.document_id WHERE f.sha256 = OLD.sha256); END;
"""
