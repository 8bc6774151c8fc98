"""Every private name of Keras that kerasgan depends on, one small function (or class) each.

Tested with Keras 3.14 and 3.15 (docs/development.md has the pairs of versions). A new version of Keras that breaks
something breaks it here.
"""

import abc
import contextlib
import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.trainers.data_adapters.data_adapter import DataAdapter as DataAdapter

OWN_LAYERS = ("keras.src.layers.", "kerasgan.networks.")

STATISTICS = ("moving_mean", "moving_variance")
"""Names of the weights of batch norm that are not trained."""


# Layers and networks


def all_layers(network: keras.Model, include_self: bool = True) -> list[keras.layers.Layer]:
    """Returns all layers of a network, those of nested models too."""
    return list(network._flatten_layers(include_self=include_self))


def own_variables(layer: keras.layers.Layer) -> list[Any]:
    """Returns the variables that a layer has itself, without those of the layers in it: weights and states of seeds."""
    return [
        *layer._trainable_variables,
        *layer._non_trainable_variables,
        *(each.state for each in layer._seed_generators),
    ]


def all_variables(network: keras.Model) -> list[Any]:
    """Returns all variables of a network and of the layers in it, each once: weights and states of seeds."""
    found = {id(each): each for layer in all_layers(network) for each in own_variables(layer)}
    return list(found.values())


def seed_generators(model: keras.Model) -> list[keras.random.SeedGenerator]:
    """Returns every seed generator of a model and its layers, each once, always in the same order."""
    found = {id(each): each for layer in all_layers(model) for each in layer._seed_generators}
    return list(found.values())


def is_built_in(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer is one of Keras's own, or of kerasgan's networks."""
    return f"{type(layer).__module__}.".startswith(OWN_LAYERS)


def functional_graph(network: Any) -> Any:
    """Returns the graph of layers of a sequential or functional model, or None for one with a `call` of its own."""
    if type(network) is keras.Sequential:
        return network._functional
    return network if type(network).__module__ == "keras.src.models.functional" else None


def run_graph(graph: Any, inputs: Any, operation_of: Any) -> Any:
    """Runs a graph of layers, each replaced by `operation_of(layer)`; returns its output."""
    outputs = graph._run_through_graph(inputs, operation_fn=operation_of)
    return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def takes_training_argument(layer: keras.layers.Layer) -> bool:
    """Returns whether a layer's `call` has an argument `training`."""
    return bool(getattr(layer, "_call_has_training_arg", False))


def num_calls(layer: keras.layers.Layer) -> int:
    """Returns how often a layer is called in graphs of layers."""
    return len(layer._inbound_nodes)


def takes_same_input(layer: keras.layers.Layer, other: keras.layers.Layer) -> bool:
    """Returns whether two layers are called once each in a graph, on the same tensor."""
    tensors = [tensor for node in (*layer._inbound_nodes, *other._inbound_nodes) for tensor in node.input_tensors]
    return len(tensors) == 2 and tensors[0] is tensors[1]


def last_operation(network: keras.Model) -> Any:
    """Returns the layer that gives a functional model's first output, or None where that is not known."""
    outputs = getattr(network, "outputs", None) or []
    return outputs[0]._keras_history.operation if outputs and hasattr(outputs[0], "_keras_history") else None


def consumers(network: keras.Model, input_number: int) -> list[keras.layers.Layer]:
    """Returns the layers that take an input of a functional model directly; none for other models."""
    graph = functional_graph(network)
    if graph is None or len(graph.inputs) <= input_number:
        return []
    wanted = id(graph.inputs[input_number])
    nodes = [node for layer in graph.layers for node in layer._inbound_nodes]
    return [node.operation for node in nodes if wanted in {id(tensor) for tensor in node.input_tensors}]


def output_shapes(network: keras.Model) -> list[tuple[int | None, ...]]:
    """Returns the shapes of everything that the layers of a network return, as far as its graphs are known."""
    return [shape for layer in all_layers(network) for shape in recorded_shapes(layer)]


def recorded_shapes(operation: Any) -> list[tuple[int | None, ...]]:
    """Returns the shapes of what a layer or an operation has returned in the graphs in which it was called."""
    nodes = getattr(operation, "_inbound_nodes", ())
    return [tuple(tensor.shape) for node in nodes for tensor in node.output_tensors]


@contextlib.contextmanager
def variables_without_values() -> Iterator[None]:
    """The context in which networks are built with variables that have shapes and dtypes, and never get values.

    It allocates nothing. Such networks can be counted and walked through, and are good for nothing else.
    """
    waiting = "uninitialized_variables"
    before = list(global_state.get_global_attribute(waiting) or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(waiting, before)


# Optimizers


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """Returns the variables that an optimizer was built for."""
    return list(optimizer._trainable_variables)


def learning_rate_setting(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns an optimizer's learning rate as it was set: a variable, a schedule or a function."""
    return optimizer._learning_rate


def adam_slots(optimizer: keras.optimizers.Optimizer, variable: Any) -> tuple[Any, Any]:
    """Returns Adam's first and second moment of a variable."""
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def optimizer_strategy(optimizer: keras.optimizers.Optimizer) -> Any:
    """Returns the `tf.distribute.Strategy` in whose scope an optimizer was made."""
    return optimizer._distribution_strategy


def without_gradient_sum(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Makes an optimizer apply gradients as they are: these are means over all replicas already."""
    optimizer._all_reduce_sum_gradients = list
    return optimizer


# Random numbers


def replace_next_seed(seed_generator: keras.random.SeedGenerator, next_seed: Any) -> None:
    """Makes a seed generator return `next_seed(seed)` for each `seed` of its own."""
    own_next = type(seed_generator).next
    seed_generator.next = lambda ordered=True: next_seed(own_next(seed_generator, ordered))


# The training loop


class TrainerHooks:
    """A mixin for a `keras.Model` that is told of the loop of `fit`.

    Keras passes the iterator over each epoch's batches to these methods, on TensorFlow to the first, on JAX to the
    second alone.
    """

    def on_epoch_iterator(self, iterator: Any) -> None:
        """Called with Keras's iterator, at the beginning of each `fit` and `evaluate`."""

    def replace_step_function(self, step_function: Any) -> Any:
        """Returns what Keras calls with an iterator to run a step, or None for Keras's own."""
        return None

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Nothing is left to build, and under a strategy Keras would run through a batch for it.
        self.on_epoch_iterator(iterator)

    def _symbolic_build(self, iterator=None, data_batch=None):
        self.on_epoch_iterator(iterator)
        super()._symbolic_build(iterator, data_batch)

    def _make_function(self, step_function, *args, **options):
        replaced = self.replace_step_function(step_function)
        return super()._make_function(step_function, *args, **options) if replaced is None else replaced


def total_loss_metric(model: keras.Model) -> keras.metrics.Metric:
    """Returns the metric behind the log `loss`."""
    return model._loss_tracker


def set_initial_epoch(model: keras.Model, epoch: int | None) -> None:
    """Makes the current `fit` begin at an epoch; None for its argument `initial_epoch`."""
    model._initial_epoch = epoch


def uses_cached_validation(options: dict[str, Any]) -> bool:
    """Returns whether `evaluate` was called by `fit`, which has checked the data before."""
    return bool(options.get("_use_cached_eval_dataset"))


def batches_in_epoch(iterator: Any) -> int | None:
    """Returns how many batches Keras takes in an epoch, or None if that is not known yet.

    Of data without end it takes whole calls of several steps, beyond `steps_per_epoch` if need be.
    """
    if iterator.steps_per_epoch is None:
        return iterator.num_batches
    return math.ceil(iterator.steps_per_epoch / iterator.steps_per_execution) * iterator.steps_per_execution


class EpochAdapter(DataAdapter):
    """Gives Keras the batches of each epoch of a `fit`, by the number of the epoch.

    Args:
        batches: a `kerasgan.datasets.Batches`. The first epoch begins after its `skip_batches`.
        initial_epoch: the argument of `fit`.

    Attributes:
        epoch: the number of the current epoch of the fit.
    """

    def __init__(self, batches: Any, initial_epoch: int = 0):
        self.batches: Any = batches
        self.epoch: int = initial_epoch
        self._first, self._skip, self._offset = initial_epoch, 0, 0
        if batches.skip_batches:
            first, self._skip = divmod(batches.skip_batches, len(batches))
            self._offset = first - initial_epoch
        self._is_new, self._iterator = True, None

    def begin_at(self, epoch: int, batch: int) -> None:
        """Makes the fit begin with the epoch of that number, without its first batches."""
        self.epoch, self._first, self._skip, self._offset = epoch, epoch, batch, 0

    @property
    def skip(self) -> int:
        """How many batches of the current epoch are left out."""
        return self._skip if self.epoch == self._first else 0

    def current_epoch(self) -> Any:
        """Returns the batches of the current epoch."""
        return self.batches.epoch(self.epoch + self._offset, self.skip)

    def on_epoch_begin(self) -> None:
        self._is_new = True

    def __iter__(self) -> Any:
        if self._is_new:  # at the end of an epoch Keras asks for another iterator, and drops it
            self._is_new, self._iterator = False, iter(self.current_epoch())
        return self._iterator

    def get_tf_dataset(self) -> Any:
        return self

    def get_numpy_iterator(self) -> Any:
        return (batch if isinstance(batch, tuple) else (batch,) for batch in self.current_epoch())

    def get_jax_iterator(self) -> Any:
        return self.get_numpy_iterator()

    def get_torch_dataloader(self) -> Any:
        raise ValueError("kerasgan trains on TensorFlow or on JAX. Received: the Keras backend 'torch'.")

    @property
    def num_batches(self) -> int | None:
        return len(self.batches)

    @property
    def batch_size(self) -> int | None:
        return self.batches.batch_size

    @property
    def has_partial_batch(self) -> bool | None:
        return False

    @property
    def partial_batch_size(self) -> int | None:
        return None


def take_batches(iterator: Any, count: int) -> Any:
    """Returns an iterator over the first `count` batches of Keras's next epoch, as its steps take them."""
    if keras.backend.backend() != "tensorflow":
        return itertools.islice(iter(iterator._get_iterator()), count)
    data = iterator.data_adapter.get_tf_dataset().take(count)
    return iter(iterator._distribute_strategy.experimental_distribute_dataset(data))


def begin_epoch_at(iterator: Any, batch: int, batches_per_epoch: int | None) -> None:
    """Makes Keras's iterator begin its next epoch at a batch, where the data begin; does nothing if it does so already.

    Its steps are counted from 0 otherwise, and it would look for a whole epoch.
    """
    if "_enumerate_iterator" in vars(iterator):
        return
    if iterator.steps_per_epoch is None and iterator._num_batches is None:
        iterator._num_batches = batches_per_epoch  # data that begin within an epoch do not know how long it is
    total, whole_epoch, per_call = iterator.num_batches, iterator._enumerate_iterator, iterator.steps_per_execution
    calls = None if total is None else math.ceil((total - batch) / per_call)

    def rest():
        del iterator._enumerate_iterator
        # Data that are repeated within an epoch would go on after its end, and a call of several steps with them.
        endless = not isinstance(iterator.data_adapter, EpochAdapter) and iterator.steps_per_epoch is None
        limited = take_batches(iterator, total - batch) if endless and total else None
        for begin, end, batches in itertools.islice(whole_epoch(), calls):
            if total is None:  # then Keras counts the steps of the first epoch
                iterator._steps_seen += batch
            yield begin + batch, end + batch, limited or batches
        if calls is not None:  # `whole_epoch` was left before its end
            iterator.data_adapter.on_epoch_end()

    iterator._enumerate_iterator = rest


# Callbacks


def counters_of(callback: keras.callbacks.Callback) -> tuple[str, ...] | None:
    """Returns the attributes in which a callback of Keras's counts, or None for one that counts nothing known."""
    counters = {
        keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch"),
        keras.callbacks.ReduceLROnPlateau: ("wait", "cooldown_counter", "best"),
        keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
        # Its axes begin again with each fit, so that the curves of a resumed training would lie over one another.
        keras.callbacks.TensorBoard: ("_global_train_batch", "_global_test_batch"),
    }
    return next((names for kind, names in counters.items() if isinstance(callback, kind)), None)


class TensorBoardHooks(keras.callbacks.TensorBoard, abc.ABC):
    """A base class for callbacks that write the scalars of Keras's TensorBoard callback themselves."""

    @abc.abstractmethod
    def summary_module(self) -> Any:
        """Returns what is to be used instead of `tf.summary`."""

    @abc.abstractmethod
    def write_epoch(self, logs: Any) -> None:
        """Called with the logs of an epoch that are to be written."""

    @property
    def summary(self) -> Any:
        if self._summary_module is None:
            self._summary_module = self.summary_module()
        return self._summary_module

    def _log_epoch_metrics(self, epoch, logs):
        self.write_epoch(logs or {})

    def run_writer(self, run: str) -> Any:
        """Returns the writer of a run: a folder within `log_dir`, of which Keras has "train" and "validation"."""
        run = os.path.normpath(run)
        name = "val" if run == "validation" else run
        if name not in self._writers:
            self._writers[name] = self.summary.create_file_writer(os.path.join(self.log_dir, run))
        return self._writers[name]

    def run_writers(self) -> list[Any]:
        """Returns the writers that are open."""
        return list(self._writers.values())

    def batches_seen(self) -> int:
        """Returns the number of batches, or calls of several steps, of this `fit`."""
        return self._global_train_batch

    def steps_per_second(self) -> float:
        """Returns the number of generator updates per second of this epoch."""
        return self._compute_steps_per_second()
