"""An operator's commands on a machine whose clock is wrong."""

import os
import sys

from tests.shifted_clock import OPERATOR_SHIFT, shift_clock

shift_clock(float(os.environ[OPERATOR_SHIFT]))

from ops.dead_letters.__main__ import main  # noqa: E402 - the clock is shifted first

if __name__ == "__main__":
    sys.exit(main())
