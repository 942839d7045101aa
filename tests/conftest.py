"""What more than one kind of test needs."""

from hypothesis import settings

# An example is slow now and then on a machine whose cores run other tests too.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
