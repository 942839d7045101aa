"""An operator's commands for what could not be done: list, show, replay, drop."""
