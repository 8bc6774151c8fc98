"""Where a run is computed: on one device, on all those of a machine, or on several machines (`tf.distribute`)."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import tempfile

from kerasgan.validation import errors

STRATEGIES = ("one", "mirrored", "multi-worker")
SERVERS = ("chief", "worker")


class Job:
    """Where a run is computed, and by which of several processes.

    Args:
        strategy: a `tf.distribute.Strategy`, or None for one device.
        worker: which of the job's processes this is; 0 is the chief, which writes the run's folder.
        workers: how many there are.
        lost: the types of the engine's errors at the loss of a worker.
    """

    def __init__(self, strategy=None, worker=0, workers=1, lost=()):
        self.strategy, self.worker, self.workers, self.lost = strategy, worker, workers, lost
        self.replicas = workers if strategy is None else strategy.num_replicas_in_sync

    @property
    def chief(self):
        """Whether this process writes the run's folder."""
        return self.worker == 0

    def scope(self):
        """Returns the context in which the game is built."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    @contextlib.contextmanager
    def folder(self, make):
        """Gives the folder that `make()` returns to the chief; to others a temporary one, removed at the end."""
        if self.chief:
            yield make()
            return
        folder = tempfile.mkdtemp(prefix="kerasgan-worker-")
        try:
            yield pathlib.Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def together(self, way_out):
        """Turns the engine's errors at the loss of another worker into one sentence.

        Raises:
            ConnectionError: if another worker is gone.
        """
        try:
            yield
        except self.lost as error:
            if self.workers == 1:
                raise
            told = re.search(r"Collective ops is aborted by: ([^\n]*)", str(error))
            reason = told[1] if told else str(error).splitlines()[0]
            raise ConnectionError(
                f"A job of several workers ends with the first that is gone. Received: worker {self.worker} of "
                f"{self.workers} lost another ({reason[:200]}). {way_out}"
            ) from error


def job(name="one", devices=None, dry_run=False):
    """Returns the `Job` of that name. What it needs of TensorFlow is set up at once: it comes before anything else.

    Args:
        name: one of `STRATEGIES`.
        devices: how many devices of this machine, for `"mirrored"`; None for all GPUs, or else the CPU. Without GPUs
            the CPU is split into so many, to try things out.
        dry_run: True starts no server and waits for no other worker.

    Raises:
        ValueError: for an unknown name, another engine than TensorFlow, devices that there are not, or a TF_CONFIG that
            names no worker.
    """
    if name not in STRATEGIES:
        raise errors.unknown_name("strategy", name, STRATEGIES)
    if devices is not None and name != "mirrored":
        raise ValueError(f"Devices are counted for --strategy mirrored. Received: devices={devices} with {name!r}.")
    if name == "one":
        return Job()
    strategies = _strategies(name)
    if name == "mirrored":
        return Job(strategies.mirrored(devices))
    worker, workers = _task()
    return Job(None if dry_run else strategies.multi_worker(), worker, workers, strategies.LOST)


def _strategies(name):
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Strategies are TensorFlow's. Received: --strategy {name} with the Keras backend "
            f"{keras.backend.backend()!r}. On JAX call keras.distribution.set_distribution in a script of your own, or "
            "set KERAS_BACKEND=tensorflow."
        )
    from kerasgan.backend import strategies

    return strategies


def _task():
    """Returns which worker TF_CONFIG says that this is, and of how many; the chief first.

    Raises:
        ValueError: if TF_CONFIG does not say so.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        servers = {kind: config["cluster"].get(kind, []) for kind in SERVERS}
        kind, index = config["task"]["type"], int(config["task"]["index"])
        first = 0 if kind == "chief" else len(servers["chief"])
        known = 0 <= index < len(servers[kind]) and all(isinstance(each, list) for each in servers.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise ValueError(
            "Several workers are told of one another by TF_CONFIG, a JSON object such as "
            '{"cluster": {"worker": ["host-0:2222", "host-1:2222"]}, "task": {"type": "worker", "index": 0}}. '
            f"Received: TF_CONFIG={text[:200]!r}."
        )
    return first + index, sum(map(len, servers.values()))
