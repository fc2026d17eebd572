"""One module a subject: how its events become rows, and how the rows are read."""
