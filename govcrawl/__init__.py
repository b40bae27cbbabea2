"""Crawler and archiver for the disclosure (政务公开) sections of Chinese agency sites."""

__version__ = "0.1.0"
