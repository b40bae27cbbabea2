"""Benchmarks: what a crawl costs, measured against other ways of doing the same."""
