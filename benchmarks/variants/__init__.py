"""The ways of crawling that are compared, one module each; every one is run as a process of its own."""
