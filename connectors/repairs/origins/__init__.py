"""The ways by which dead letters came, one module each; `connectors.repairs.returning` has them all on one page."""
