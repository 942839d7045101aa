"""MLServer with a runtime of ours: its adaptive batching, its Open Inference Protocol."""

import asyncio
import os
from pathlib import Path

import msgspec
import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from shared.rows import RowReader
from shared.settings import WorkerSettings
from worker.model import load_model

_BATCH_ROWS = 128
_BATCH_SECONDS = 0.002
"""The service's own defaults."""


class RegnoModel(MLModel):  # type: ignore[misc]
    """Rows as JSON texts in, both probabilities of each out."""

    async def load(self) -> bool:
        """Called once, when the server starts."""
        self._reader = RowReader(WorkerSettings(broker_url="none", redis_url="none"))
        self._model = load_model(Path(os.environ["REGNO_MODEL_URI"]))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """A batch that MLServer has put together."""
        texts = StringCodec.decode_input(payload.inputs[0])
        rows = self._reader.read_objects([msgspec.json.decode(text) for text in texts])
        answers = np.array([(p.negative, p.positive) for p in self._model.predict(rows)])
        output = NumpyCodec.encode_output("predictions", answers)
        return InferenceResponse(model_name=self.name, outputs=[output])


def _settings() -> Settings:
    port = int(os.environ["PEER_PORT"])
    return Settings(
        host="127.0.0.1",
        http_port=port,
        grpc_port=0,
        metrics_endpoint=None,
        metrics_dir=os.environ["PEER_FOLDER"],
        parallel_workers=0,  # in its own process: the faster way for a model this quick
        use_structured_logging=True,
        debug=False,
    )


async def _serve() -> None:
    model = ModelSettings(
        name="regno",
        implementation=RegnoModel,
        max_batch_size=_BATCH_ROWS,
        max_batch_time=_BATCH_SECONDS,
    )
    await MLServer(_settings()).start([model])


if __name__ == "__main__":
    asyncio.run(_serve())
