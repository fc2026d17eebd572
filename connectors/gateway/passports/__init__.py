"""Passports of figures: the messages behind each are found by rows, read from the log, and computed with again."""
