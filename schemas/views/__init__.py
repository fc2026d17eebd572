"""What the HTTP API answers, one module a subject; OpenAPI is made from it."""
