"""Fine-tuning and growing: a GAN that starts from another one's weights.

The layers of both GANs are compared in the order in which they compute, by their kinds and the shapes of their weights.

- At the same image size, all layers must agree. Weights that depend on the class are copied where the names of the
  classes are equal. New classes start from the mean over the source's classes; where the source has none, from 0, so
  that labels change nothing at the start.
- At twice the size, the generator must begin as the source's does, and the discriminator must end so, up to the one
  layer next to the image. The target has new layers there. They are fitted, in some hundred steps with all copied
  weights fixed, to what the source does: the generator to the source's samples, enlarged, and the discriminator to the
  source's logits of the images, reduced. Blocks that start as the identity are close to it after that, too.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals
from kerasgan.conditions import Classes
from kerasgan.networks import latent_categories
from kerasgan.networks.auxiliary_classifier import AuxiliaryClassifier
from kerasgan.networks.inputs import network_inputs
from kerasgan.validation import scalars

__all__ = ["Transfer", "copy_weights"]

MATCH_STEPS = 300
MATCH_BATCH = 32
MATCH_RATE = 1e-2


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What `copy_weights` has done.

    Attributes:
        copied: the number of layers with copied weights, in both networks.
        fitted: the number of new layers, fitted to the source; 0 at the same image size.
        new_classes: the numbers of the target's classes that the source does not have.
    """

    copied: int
    fitted: int
    new_classes: tuple[int, ...] = ()

    def __str__(self) -> str:
        said = f"the weights of {self.copied} layers are copied"
        if self.fitted:
            said += f", and {self.fitted} new layers next to the image are fitted to what it draws, enlarged"
        count = len(self.new_classes)
        return said + (f"; {count} class{'es are' if count > 1 else ' is'} new" if count else "")


def copy_weights(
    source: Any,
    target: Any,
    source_classes: Sequence[str] | None = None,
    target_classes: Sequence[str] | None = None,
    match_steps: int = MATCH_STEPS,
) -> Transfer:
    """Gives a new GAN the weights of another, for other images, other classes, or images of twice the size.

    The generator, and the averaged generator where there is one, start from the source's averaged generator, or else
    from its generator. The optimizers and the augmentation of the target stay as they are: at their start.

    Args:
        source: a `kerasgan.GAN`, which is not changed.
        target: a `kerasgan.GAN` that has not been trained, of the same kind of networks.
        source_classes, target_classes: names of the classes, in the order of their numbers; None where both GANs have
            the same classes, or none.
        match_steps: at twice the size, steps in which the new layers are fitted; 0 leaves them as they are.

    Returns:
        A `Transfer`, whose text is a sentence.

    Raises:
        ValueError: if the networks do not fit each other, or the target has been trained.

    Example:

    ```python
    import kerasgan

    def make_gan(size, width):
        networks = kerasgan.networks.resnet((size, size, 1), latent_dim=4, width=width, norm=None)
        return kerasgan.GAN(*networks, latent_dim=4)

    small, large = make_gan(8, width=8), make_gan(16, width=4)
    print(kerasgan.transfer.copy_weights(small, large, match_steps=2))
    ```

    Reference: Karras et al., 2018 (growing), arXiv:1710.10196; Mo et al., 2020 (fine-tuning), arXiv:2002.10964.
    """
    _check_target(target)
    grows = _check_shapes(source, target)
    classes = _class_map(source, target, source_classes, target_classes)
    parts = [
        _Part("generator", source.sampler, target.generator, source, target, classes),
        _Part("discriminator", source.discriminator, target.discriminator, source, target, classes),
    ]
    planned = [part.pairs(grows) for part in parts]  # both are checked before anything is changed
    for part, pairs in zip(parts, planned, strict=True):
        part.copy(pairs)
    if grows and match_steps:
        _match(source, target, planned, classes, scalars.whole_number("match_steps", match_steps, 0))
    if target.averaged_generator is not None:
        target.averaged_generator.set_weights(target.generator.get_weights())
    copied = sum(map(len, planned))
    new_classes = [] if classes is None else [number for number, of in enumerate(classes) if of is None]
    return Transfer(copied, sum(len(part.target_layers) for part in parts) - copied, tuple(new_classes))


def _check_target(target):
    if target.compiled and int(keras.ops.convert_to_numpy(target.g_optimizer.iterations)) > 0:
        raise ValueError(
            "Weights are copied into a new GAN, whose optimizers are at their start. Received: a target that has been "
            "trained. Make a new GAN of the same networks."
        )


def _check_shapes(source, target):
    """Returns whether the target draws images of twice the size; at the same size False."""
    if source.latent_dim != target.latent_dim:
        raise ValueError(
            f"Both GANs must have the same latents. Received: latent_dim={target.latent_dim} for a source of "
            f"latent_dim={source.latent_dim}. Use the source's: latent_dim={source.latent_dim}."
        )
    (*size, channels), (*other, other_channels) = source.image_shape, target.image_shape
    if channels != other_channels and size:
        raise ValueError(
            f"Both GANs must draw as many channels. Received: images of shape {target.image_shape} for a source of "
            f"{source.image_shape}. Convert the images to {channels} channel{'s' if channels > 1 else ''}, or train "
            "from the start."
        )
    if source.image_shape == target.image_shape or (_takes_any_size(source) and _takes_any_size(target)):
        return False
    if not size or other != [2 * side for side in size]:
        twice = "x".join(str(2 * side) for side in size)
        raise ValueError(
            "A GAN starts from one of the same image size, or of half of it. Received: images of shape "
            f"{target.image_shape} for a source of {source.image_shape}. Resize the images"
            + (f", to {'x'.join(map(str, size))} or {twice} pixels." if size else ".")
        )
    return True


def _takes_any_size(gan):
    """Returns whether the generator translates images of any size."""
    sides = gan.sampler.inputs[-1].shape[1:-1]
    return len(sides) == 2 and set(sides) == {None}


def _class_map(source, target, source_classes, target_classes):
    """Returns the source's number of each class of the target, None for a new one; None where one has no classes."""
    if source.num_classes is None or target.num_classes is None:
        return None
    if source_classes is not None and target_classes is not None:
        numbers = {str(name): number for number, name in enumerate(source_classes)}
        return [numbers.get(str(name)) for name in target_classes]
    if source.num_classes == target.num_classes:
        return list(range(target.num_classes))
    raise ValueError(
        f"Other classes are told apart by their names. Received: {target.num_classes} classes for a source of "
        f"{source.num_classes}, without names. Give source_classes and target_classes."
    )


def weighted_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers of a network that have weights, those of nested models too, in the order of the graph."""
    found = []
    for layer in network.layers:
        found += weighted_layers(layer) if isinstance(layer, keras.Model) else [layer] if layer.weights else []
    return found


@dataclasses.dataclass
class _Part:
    """One of the two networks, of both GANs.

    Layers of the class are, in the generator, those that take the latents and the one-hot label: the first layer, and
    those of self-modulation; in the discriminator the embedding and the auxiliary classifier. See
    `kerasgan.networks.blocks.join_condition` and `kerasgan.networks.blocks.project`.
    """

    name: str
    source: keras.Model
    target: keras.Model
    source_gan: Any
    target_gan: Any
    classes: list[int | None] | None

    def __post_init__(self) -> None:
        self.source_layers: list[Any] = weighted_layers(self.source)
        self.target_layers: list[Any] = weighted_layers(self.target)
        self.embeddings: list[Any] = []
        self.classifiers: list[Any] = []
        self.keeps_classes: bool = self.source_gan.num_classes == self.target_gan.num_classes and (
            self.classes is None or self.classes == list(range(len(self.classes)))
        )
        if self.name == "discriminator" and not self.keeps_classes:
            both = (self.source_layers, self.source_gan), (self.target_layers, self.target_gan)
            self.embeddings = [self._without_embedding(layers, gan) for layers, gan in both]
            self.classifiers = [_taken_out(layers, AuxiliaryClassifier, "num_classes", gan) for layers, gan in both]

    def _without_embedding(self, layers, gan):
        """Removes the embedding of the classes from a list of layers, and returns it; None without classes."""
        embedding = _taken_out(layers, keras.layers.Embedding, "input_dim", gan)
        if embedding is None and gan.num_classes is not None:
            raise _unknown_classes(self.name)
        return embedding

    def pairs(self, grows: bool) -> list[tuple[Any, Any]]:
        """Returns the layers that weights are copied between: all, or at twice the size all but those at the image."""
        order = -1 if grows and self.name == "discriminator" else 1
        sources, targets = self.source_layers[::order], self.target_layers[::order]
        same = itertools.takewhile(self._fit, zip(sources, targets, strict=False))
        pairs = list(same)
        if grows:
            left = sum(_has_kernel(layer) for layer in sources[len(pairs) :])
            fits = left == 1 and len(pairs) < len(targets)
        else:
            fits = len(pairs) == len(sources) == len(targets)
        if not fits:
            raise self._refusal(len(pairs), sources, targets, grows)
        return pairs

    def _fit(self, pair):
        (kind, *shapes), (other_kind, *other_shapes) = (
            self._signature(layer, gan) for layer, gan in zip(pair, (self.source_gan, self.target_gan), strict=True)
        )
        return kind == other_kind and shapes == other_shapes

    def _signature(self, layer, gan):
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if self._joins_labels(layer, gan) and not self.keeps_classes:
            shapes[0] = (shapes[0][0] - gan.num_classes, *shapes[0][1:])
        return type(layer).__name__, *shapes

    def _joins_labels(self, layer, gan):
        """Whether a layer of the generator takes labels next to the latents: the first, and all with its input."""
        if self.name != "generator" or gan.num_classes is None:
            return False
        is_source = gan is self.source_gan
        first = (self.source_layers if is_source else self.target_layers)[0]
        same = layer is first or keras_internals.takes_same_input(layer, first)
        categories = latent_categories.count_in(self.source if is_source else self.target)
        return same and layer.weights[0].shape[0] == gan.latent_dim + categories + gan.num_classes

    def _refusal(self, number, sources, targets, grows):
        (one, other) = (
            _described(layers[number]) if number < len(layers) else "no further layer" for layers in (sources, targets)
        )
        way_out = (
            "Half of the source's width fits, where widths double with every halving: kerasgan train FOLDER --from RUN "
            "--image-size SIZE sets it"
            if grows
            else "Use the network and the network_options of the source: kerasgan train FOLDER --from RUN takes them"
        )
        return ValueError(
            f"Both {self.name}s must be of the same kind and width. Received: {other} where the source has {one}, "
            f"after {number} equal layers. {way_out}."
        )

    def copy(self, pairs: list[tuple[Any, Any]]) -> None:
        """Copies the weights of these layers, and of the classes."""
        for source, target in pairs:
            target.set_weights(self._values(source, target))
        if not self.embeddings:
            return
        source, target = self.classifiers
        if source is not None and target is not None:
            kernel, bias = source.get_weights()
            target.set_weights([self._of_classes(kernel.T).T, self._of_classes(bias)])
        source, target = self.embeddings
        if target is not None:
            zeros = np.zeros(tuple(target.weights[0].shape), "float32")
            target.set_weights([zeros if source is None else self._of_classes(source.get_weights()[0])])
        elif source is not None:  # the logit of the mean class
            kernel, *others = self.target_layers[-1].get_weights()
            mean = source.get_weights()[0].mean(axis=0)
            self.target_layers[-1].set_weights([kernel + mean[:, None], *others])

    def _values(self, source, target):
        values = source.get_weights()
        from_labels, to_labels = (
            self._joins_labels(source, self.source_gan),
            self._joins_labels(target, self.target_gan),
        )
        if self.keeps_classes or not (from_labels or to_labels):
            return values
        kernel, *others = values
        latents, labels = np.split(kernel, [len(kernel) - (self.source_gan.num_classes if from_labels else 0)])
        if not to_labels:
            if not others:
                raise ValueError(
                    "A generator without labels starts from one with labels where its first layer has a bias, which "
                    "takes the mean over the classes. Received: a first layer without one. Train with labels: "
                    "--conditional"
                )
            return [latents, others[0] + labels.mean(axis=0), *others[1:]]
        if from_labels:
            rows = self._of_classes(labels)
        else:
            rows = np.zeros((self.target_gan.num_classes, kernel.shape[1]), kernel.dtype)
        return [np.concatenate([latents, rows]), *others]

    def _of_classes(self, rows):
        """Returns the rows of the target's classes from those of the source's, new ones as the mean."""
        return np.stack([rows.mean(axis=0) if number is None else rows[number] for number in self.classes])


def _taken_out(layers, kind, num_classes, gan):
    """Removes the layer of this kind with the GAN's number of classes from a list, and returns it; None without."""
    for layer in layers:
        if isinstance(layer, kind) and getattr(layer, num_classes) == gan.num_classes:
            layers.remove(layer)
            return layer
    return None


def _unknown_classes(name):
    return ValueError(
        f"Weights of other classes are copied where a network takes labels as kerasgan's own do. Received: a {name} "
        "that takes them otherwise. Keep the classes and their order, or train from the start."
    )


def _has_kernel(layer):
    return any(len(weight.shape) > 1 for weight in layer.weights)


def _described(layer):
    shapes = ", ".join("x".join(map(str, weight.shape)) for weight in layer.weights)
    return f"{type(layer).__name__} ({shapes})"


def _match(source, target, planned, classes, steps):
    """Fits the target's new layers: its samples to the source's, enlarged, and its logits to those of the source's."""
    random = np.random.default_rng(0)
    count = MATCH_BATCH * min(steps, 64)
    latents = random.normal(size=(count, source.latent_dim)).astype("float32")
    given, wanted = _conditions(source, target, classes, count)
    samples = source.generate(latents=latents, condition=given)
    logits = _outputs(source.discriminator, samples, given)
    samples = enlarged(samples)
    copied_g, copied_d = ([layer for _, layer in pairs] for pairs in planned)
    _fit(target.generator, copied_g, network_inputs(latents, wanted), samples, steps)
    _fit(target.discriminator, copied_d, network_inputs(samples, wanted), logits, steps)


def _conditions(source, target, classes, count):
    """Returns conditions of the source, and the same ones of the target, (count, ...); None where one has none."""
    if classes is None:
        given, wanted = (_drawn(gan.condition, count) for gan in (source, target))
        return given, given if source.condition == target.condition else wanted
    known = [(of, number) for number, of in enumerate(classes) if of is not None]
    known = known or [(number % source.num_classes, number) for number in range(target.num_classes)]
    return np.array([known[number % len(known)] for number in range(count)], "int32").T


def _drawn(condition, count):
    """Returns conditions (count, ...), of classes each as often as the others; None without."""
    if condition is None:
        return None
    if isinstance(condition, Classes):
        return (np.arange(count) % condition.num_classes).astype("int32")
    return condition.draw(count, 0)


def enlarged(images: np.ndarray) -> np.ndarray:
    """Returns images of twice the size, float32 (n, 2 height, 2 width, channels), by linear interpolation."""
    height, width = images.shape[1:3]
    return _in_batches(
        lambda batch: keras.ops.image.resize(
            batch, (2 * height, 2 * width), interpolation="bilinear", data_format="channels_last"
        ),
        images,
    )


def _outputs(network, images, labels):
    parts = [images] if labels is None else [images, labels]
    return _in_batches(lambda *batch: network(network_inputs(*batch), training=False), *parts)


def _in_batches(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    starts = range(0, len(arrays[0]), 256)
    found = [function(*(array[start : start + 256] for array in arrays)) for start in starts]
    return np.concatenate([np.asarray(keras.ops.convert_to_numpy(each), "float32") for each in found])


class _Fitted(keras.Model):
    """A network that learns to give some outputs, and nothing else: its layers' own losses do not count."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.losses.mean_squared_error(y, y_pred))


def _fit(network, copied, inputs, outputs, steps):
    """Trains the layers of a network that are not in `copied` to give these outputs."""
    trainable = {id(layer): layer.trainable for layer in copied}
    for layer in copied:
        layer.trainable = False
    try:
        rate = keras.optimizers.schedules.CosineDecay(MATCH_RATE, steps)
        model = _Fitted(network.inputs, network.outputs[0], name="fitted")
        model.compile(keras.optimizers.Adam(rate))
        per_epoch = len(outputs) // MATCH_BATCH
        model.fit(inputs, outputs, MATCH_BATCH, epochs=-(-steps // per_epoch), shuffle=False, verbose=0)
    finally:
        for layer in copied:
            layer.trainable = trainable[id(layer)]
