"""The console: pages made on the server, one module a subject, over the same reads as the API."""
