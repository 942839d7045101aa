"""A worker on a machine whose clock is wrong."""

import os
import sys

import catboost  # noqa: F401 - its C code needs the class that it was built with

from tests.shifted_clock import WORKER_SHIFT, shift_clock

shift_clock(float(os.environ[WORKER_SHIFT]))

from worker.__main__ import main  # noqa: E402 - the clock is shifted first

if __name__ == "__main__":
    sys.exit(main())
