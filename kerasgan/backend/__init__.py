"""What an engine provides: TensorFlow or JAX, whichever Keras runs on.

Both `kerasgan.backend.tensorflow` and `kerasgan.backend.jax` provide the same names; this module has those of the
engine in use. All else is written once, in `keras.ops` and these:

- the training step: `run_step`, `state_scope`, `vjp`, `cond`, `apply`, `call_network`;
- replicas: `replica`, `mean`, `gather`, `sync_statistics`, `placement`;
- data: `ArrayEpochs`, `resize_array`;
- inference: `sampler`, `inference`, `draw_labels`;
- files: `EventFile`, `summaries`, `WRITE_ERRORS`; exports: `NO_EXPORT`, `add_endpoints`;
- the machine: `NAME`, `PACKAGES`, `devices`, `make_deterministic`.
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
