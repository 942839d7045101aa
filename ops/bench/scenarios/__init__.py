"""The scenarios, in the order in which they run: identity is looked at after all the rest."""

from ops.bench.scenarios.arrays import ARRAYS
from ops.bench.scenarios.cache import CACHE
from ops.bench.scenarios.constant import CONSTANT
from ops.bench.scenarios.curve import CURVE
from ops.bench.scenarios.features import FEATURES
from ops.bench.scenarios.identity import IDENTITY
from ops.bench.scenarios.idle import IDLE
from ops.bench.scenarios.memory import MEMORY
from ops.bench.scenarios.overload import OVERLOAD
from ops.bench.scenarios.scaling import SCALING
from ops.bench.scenarios.sweep import SWEEP
from ops.bench.scenarios.throughput import THROUGHPUT
from ops.bench.scenarios.watched import WATCHING

SCENARIOS = (
    FEATURES, THROUGHPUT, CURVE, SCALING, ARRAYS, CACHE, IDLE, CONSTANT, OVERLOAD, MEMORY,
    IDENTITY, SWEEP, WATCHING,
)  # fmt: skip
