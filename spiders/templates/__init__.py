"""Site templates: one class per CMS family."""
