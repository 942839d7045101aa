from ops.local.restarts import LONGEST_SECONDS, Restarts


class Falling:
    """A process that ends as often as it is started."""

    def __init__(self) -> None:
        self.now = 0.0
        self.started_at: list[float] = []

    def failed(self) -> list[str]:
        return ["worker"]

    def restart(self, name: str) -> None:
        assert name == "worker"
        self.started_at.append(self.now)


def test_a_process_is_never_given_up_and_waits_longer_each_time() -> None:
    falling = Falling()
    told: list[str] = []
    restarts = Restarts(falling, lambda: falling.now, told.append)
    for second in range(600):
        falling.now = float(second)
        restarts.look()
    pauses = [b - a for a, b in zip(falling.started_at, falling.started_at[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] <= LONGEST_SECONDS + 2
    assert len(told) - len(falling.started_at) in (0, 1)
