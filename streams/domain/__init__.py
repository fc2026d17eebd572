"""What is decided: one pure fold a subject. No clock, no chance, no I/O; folds do not import one another."""
