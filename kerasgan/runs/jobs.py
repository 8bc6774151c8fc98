"""The devices of a run: one device, all devices of a machine, or several machines (`tf.distribute`)."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import keras

from kerasgan.validation import errors

STRATEGIES = ("one", "mirrored", "multi-worker")
SERVERS = ("chief", "worker")


class Job:
    """The devices of a run, and the place of this process among its workers.

    Args:
        strategy: a `tf.distribute.Strategy`, or None for one device.
        worker: number of this process among the job's workers; 0 is the chief, which writes the run's folder.
        workers: number of workers.
        lost: types of TensorFlow's errors when another worker is lost.

    Attributes:
        strategy, worker, workers, lost: the arguments.
        replicas: number of replicas that share each batch.
    """

    def __init__(
        self, strategy: Any = None, worker: int = 0, workers: int = 1, lost: tuple[type[Exception], ...] = ()
    ) -> None:
        self.strategy: Any = strategy
        self.worker: int = worker
        self.workers: int = workers
        self.lost: tuple[type[Exception], ...] = lost
        self.replicas: int = workers if strategy is None else strategy.num_replicas_in_sync

    @property
    def chief(self) -> bool:
        """Whether this process writes the run's folder."""
        return self.worker == 0

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which the model is built."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    @contextlib.contextmanager
    def folder(self, make: Callable[[], pathlib.Path]) -> Iterator[pathlib.Path]:
        """Gives the chief the folder that `make()` returns, the other workers a temporary one, removed at the end."""
        if self.chief:
            yield make()
            return
        folder = tempfile.mkdtemp(prefix="kerasgan-worker-")
        try:
            yield pathlib.Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def together(self, way_out: str) -> Iterator[None]:
        """Turns TensorFlow's errors at the loss of another worker into one sentence, which ends with `way_out`.

        Raises:
            ConnectionError: if another worker is lost.
        """
        try:
            yield
        except self.lost as error:
            if self.workers == 1:
                raise
            told = re.search(r"Collective ops is aborted by: ([^\n]*)", str(error))
            reason = told[1] if told else str(error).splitlines()[0]
            raise ConnectionError(
                f"A job of several workers ends when one of them is lost. Received: worker {self.worker} of "
                f"{self.workers} lost another ({reason[:200]}). {way_out}"
            ) from error


def job(name: str = "one", devices: int | None = None, dry_run: bool = False) -> Job:
    """Returns the `Job` of that name. TensorFlow's devices are set up here, so nothing may have used them before.

    Args:
        name: one of `STRATEGIES`.
        devices: number of devices of this machine, for `"mirrored"`; None for all GPUs, or else the CPU. Without GPUs
            the CPU is split, to try things out.
        dry_run: True starts no server and waits for no other worker.

    Raises:
        ValueError: for an unknown name, an engine other than TensorFlow, more devices than there are, or a TF_CONFIG
            that names no worker.
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
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Strategies are TensorFlow's. Received: --strategy {name} with the Keras backend "
            f"{keras.backend.backend()!r}. On JAX call keras.distribution.set_distribution in a script of your own, or "
            "set KERAS_BACKEND=tensorflow."
        )
    from kerasgan.backend.tensorflow import strategies

    return strategies


def _task():
    """Returns the number of this worker in TF_CONFIG, the chief first, and the number of workers.

    Raises:
        ValueError: if TF_CONFIG does not name them.
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
            "Several workers find each other through TF_CONFIG, a JSON object such as "
            '{"cluster": {"worker": ["host-0:2222", "host-1:2222"]}, "task": {"type": "worker", "index": 0}}. '
            f"Received: TF_CONFIG={text[:200]!r}."
        )
    return first + index, sum(map(len, servers.values()))
