"""What an engine provides: TensorFlow or JAX, whichever Keras runs on.

`kerasgan.backend.tensorflow` and `kerasgan.backend.jax` provide the same names, and this module those of the engine in
use. Everything else in the package is written once, with `keras.ops` and these names:

- the training step: `run_step`, `state_scope`, `vjp`, `cond`, `apply`, `call_network`;
- replicas: `placement`, `replica`, `mean`, `mean_logs`, `gather`, `sync_statistics`;
- data: `ArrayEpochs`, `PairedEpochs`, `resize_array`, `decode_png`;
- inference: `sampler`, `inference`, `compiled`, `draw_labels`;
- TensorBoard: `EventFile`, `summaries`, `WRITE_ERRORS`; exports: `EXPORTS_RUNS`, `SEEDED_LATENTS`,
  `FREE_SIZE_ERRORS`, `traced`, `onnx_model`, `litert_model`, `write_saved_model`;
- the engine and the machine: `NAME`, `PACKAGES`, `devices`, `make_deterministic`.
"""

import keras

ENGINES = ("tensorflow", "jax")

if keras.backend.backend() == "tensorflow":
    from .tensorflow import *  # noqa: F403
elif keras.backend.backend() == "jax":
    from .jax import *  # noqa: F403
else:
    raise ValueError(
        f"kerasgan trains on TensorFlow or on JAX. Received: the Keras backend {keras.backend.backend()!r}. Set "
        "KERAS_BACKEND=jax or KERAS_BACKEND=tensorflow before Keras is imported."
    )
