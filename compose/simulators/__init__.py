"""A plant on a laptop: machines that speak MQTT and OPC-UA, and an ERP that sends orders."""
