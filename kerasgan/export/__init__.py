"""A trained generator, written for use without Keras."""

import os
import pathlib
from typing import Any

from kerasgan import backend
from kerasgan.export import card, network_formats, saved_model


def export(gan: Any, filepath: str | os.PathLike[str], format: str = "tf_saved_model", **options: Any) -> None:
    """Writes a GAN for inference without Keras and kerasgan.

    As a SavedModel (the default) it has three endpoints, each for any batch size:

    - `serving_default(z)`: float32 latents (n, latent_dim) to images (n, ...) in [-1, 1];
    - `generate(n, seed)`: two int32 scalars to images (n, ...), the same as those of `gan.generate(n, seed)`;
    - `discriminate(images)`: images (n, ...) in [-1, 1] to logits (n,); positive means real.

    For a conditional GAN, `serving_default(z, labels)` and `discriminate(images, labels)` also take int32 labels (n,);
    `generate` draws them uniformly. Labels are clipped to [0, num_classes), in every format: an exported model cannot
    refuse them. A file `kerasgan.json` in the same folder holds the shapes, the number of classes, the range of the
    labels and the pixel range.

    TensorFlow takes the path of a SavedModel for a pattern when it loads it, and finds no folder whose path holds
    brackets `[...]` or a backslash. A model that is written there is warned of; it loads once it is moved.

    Other formats hold only the network that generates samples: the averaged generator if there is one. It computes in
    float32, because few of their runtimes know mixed precision.

    Args:
        gan: a `kerasgan.GAN`.
        filepath: the folder to be made; for other formats the file, with the suffix that Keras asks for.
        format: `"tf_saved_model"`, or another format of `keras.Model.export`: `"onnx"`, `"litert"`, `"openvino"`.
        options: for other formats, passed on to `keras.Model.export`.

    Raises:
        ValueError: for options with a SavedModel, which has none, a path that is not UTF-8, or on JAX.
        ImportError: if the format needs a package that is not installed.

    Example:

    ```python
    import kerasgan

    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    gan.export("saved_model")
    ```
    """
    if backend.NO_EXPORT is not None:
        raise ValueError(backend.NO_EXPORT)
    path = pathlib.Path(filepath)
    if format == "tf_saved_model":
        saved_model.write(gan, path, options)
        card.write(gan, path / card.NAME)
    else:
        network_formats.write(gan, path, format, options)
        card.write(gan, path.with_name(f"{path.name}.{card.NAME}"))
