"""Meaning without I/O: what foreign systems say, translated into our messages."""
