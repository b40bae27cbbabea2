"""Agencies, one per file, and the site templates behind them. Imports ``govcrawl`` only."""
