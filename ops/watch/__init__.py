"""Looking at the service through Prometheus: asking it, and running it beside a local stack."""
