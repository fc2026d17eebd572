"""The HTTP side: webhooks come in, commands are answered, queries and live streams go out, the console is served."""
