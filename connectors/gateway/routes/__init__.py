"""One module a subject; `connectors/gateway/main.py` lists them."""
