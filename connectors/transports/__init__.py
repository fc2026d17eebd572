"""I/O without meaning: bytes in, acknowledgements out."""
