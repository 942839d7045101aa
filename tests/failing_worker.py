"""A worker whose model cannot predict some rows, and says what is in them; others kill it."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from catboost import CatBoostError

from shared.errors import PredictionFailed
from shared.features import FeatureRow
from shared.results import Prediction
from worker.__main__ import main
from worker.model import Model, load_model

UNPREDICTABLE = "ZZ-1984-QX"
"""A plate, of no shape that anybody knows."""

DEADLY = "ZZ-1985-QX"
"""Another one: as if CatBoost crashed, or the kernel ended the process for want of memory."""

UNFORESEEN = "ZZ-1986-QX"
"""A third one, at which an error comes up that nobody has foreseen."""


class FailingModel(Model):
    """Fails as the real one would, where CatBoost refuses a row."""

    def __init__(self, model: Model) -> None:
        vars(self).update(vars(model))

    def score(self, features: Sequence[FeatureRow]) -> list[Prediction]:
        """See ``Model``."""
        for row in features:
            plate = row.afts_regno_ai_text.replace(" ", "")
            if plate == DEADLY:
                os.kill(os.getpid(), signal.SIGKILL)
            if plate == UNFORESEEN:
                raise ZeroDivisionError
            if plate == UNPREDICTABLE:
                error = CatBoostError(
                    f"Bad value {plate!r} in {row.afts_regno_ai_text!r} from {row.camera_class!r} "
                    f"and {row.regno_recognize_text}"
                )
                raise PredictionFailed(f"The model could not predict: {error}") from error
        return super().score(features)


def load_failing(path: Path) -> Model:
    """A model that fails."""
    return FailingModel(load_model(path))


if __name__ == "__main__":
    sys.exit(main(load_failing))
