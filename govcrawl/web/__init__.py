"""The archive in a browser: search, read, compare, replay; made on the server, read-only, without JavaScript."""
