"""The agency that govcrawl crawls here: a declaration like any other."""
