"""Programs that do the same work by other means."""
