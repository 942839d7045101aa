"""From a checked request to its answer: publish, wait, look up. No HTTP in here."""
