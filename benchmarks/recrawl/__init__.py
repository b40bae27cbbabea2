"""The recrawl policy over a virtual clock: what it finds, how late, and at what cost, beside what others do."""
