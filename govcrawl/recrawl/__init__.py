"""The recrawl policy: what to walk, what to look at again, and when; pure, over facts of the catalog and the time."""
