"""What two processes must agree on: the envelope, the topics, the messages, the settings."""
