"""The layers of a generator as they run, nested networks included: what goes into each, and what comes out."""

from collections.abc import Callable
from typing import Any

import keras

from kerasgan import keras_internals


def run(network: keras.Model, inputs: Any, seen: Callable[[keras.layers.Layer, Any, Any], None]) -> Any:
    """Runs a functional or sequential network in inference mode, and tells of each layer in the order of its call.

    Args:
        network: the network.
        inputs: its inputs.
        seen: called with each layer, its inputs and its outputs; nested networks are walked through instead.

    Returns:
        The outputs of the network.

    Raises:
        ValueError: if the network, or one in it, has a `call` of its own.
    """
    graph = keras_internals.functional_graph(network)
    if graph is None:
        raise ValueError(
            "Only the layers of functional and sequential networks can be looked at. Received: "
            f"{type(network).__name__}, which has a `call` of its own. Use method='samples'."
        )

    def operation_of(layer):
        def call(*arguments, **options):
            if isinstance(layer, keras.Model):
                return run(layer, arguments[0], seen)
            if isinstance(layer, keras.layers.Layer) and keras_internals.takes_training_argument(layer):
                options["training"] = False
            outputs = layer(*arguments, **options)
            seen(layer, arguments[0] if arguments else None, outputs)
            return outputs

        return call

    return keras_internals.run_graph(graph, inputs, operation_of)


def kernel_of(layer: keras.layers.Layer) -> Any:
    """Returns a layer's kernel, the first of its weights with two axes or more, or None for a layer without one."""
    wrapped = getattr(layer, "layer", layer)  # SpectralNormalization and other wrappers
    weights = [each for each in keras_internals.own_variables(wrapped) if len(each.shape) > 1]
    return weights[0] if weights else None


def weighted_layers(network: keras.Model, inputs: Any) -> list[keras.layers.Layer]:
    """Returns the layers with a kernel, in the order in which they are called.

    Embeddings of labels are left out, and so are layers that get the same inputs as the first: those by which latents
    modulate later maps.
    """
    found: list[tuple[keras.layers.Layer, Any]] = []

    def seen(layer, given, outputs):
        weighted = kernel_of(layer) is not None and not isinstance(layer, keras.layers.Embedding)
        if weighted and not (found and given is found[0][1]):
            found.append((layer, given))

    run(network, inputs, seen)
    return [layer for layer, _ in found]


def inputs_of(network: keras.Model, inputs: Any, wanted: keras.layers.Layer) -> Any:
    """Returns what goes into a layer of a network."""
    found: list[Any] = []
    run(network, inputs, lambda layer, given, outputs: found.append(given) if layer is wanted else None)
    return found[0]
