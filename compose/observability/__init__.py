"""Prometheus, Alertmanager and Grafana over a plant."""
