"""A load generator: open loop at a constant rate, or closed loop at full speed."""
