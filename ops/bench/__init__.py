"""The benchmark: the whole service and its peers in one run, on the same cores."""
