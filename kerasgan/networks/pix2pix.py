"""The pair of pix2pix: a U-Net and a discriminator of patches."""

from collections.abc import Sequence

import keras

from kerasgan.conditions import Condition
from kerasgan.networks.patchgan import patchgan
from kerasgan.networks.unet import unet


def pix2pix(
    image_shape: Sequence[int],
    latent_dim: int = 0,
    width: int = 64,
    depth: int | None = None,
    condition: Condition | None = None,
    dropout: float = 0.5,
    patch_depth: int = 3,
    norm: str | None = "instance",
    patch_norm: str | None = None,
) -> tuple[keras.Model, keras.Model]:
    """Returns a generator from image to image, `unet`, and a discriminator of patches that sees both, `patchgan`.

    Args:
        image_shape: (height, width, channels) of the images; height and width are multiples of 4 and at least 8.
        latent_dim: width of the latents; 0 for a generator of the condition alone.
        width: channels of the layers next to the image, in both networks.
        depth: how many times the generator halves the size; None halves while the result is at least 4 on both sides.
        condition: a `kerasgan.conditions.Image` of the same height and width, which is translated.
        dropout: see `unet`.
        patch_depth: how many times the discriminator halves the size: the `depth` of `patchgan`.
        norm: of the generator: `"instance"`, `"layer"`, `"batch"`, or None for none.
        patch_norm: of the discriminator: `"instance"`, `"layer"`, or None for none. The paper has batch norm in both.

    Returns:
        A pair of `keras.Model`s, both for images of any size that is a multiple of 2^depth: the condition -> images in
        [-1, 1], and [images, condition] -> logits (batch, height / 2^patch_depth, width / 2^patch_depth, 1).

    Raises:
        ValueError: see `unet` and `patchgan`.

    Example:

    ```python
    import kerasgan

    gray = kerasgan.conditions.Image((32, 32, 1))
    generator, discriminator = kerasgan.networks.pix2pix((32, 32, 3), condition=gray, width=16)
    ```

    Reference: Isola et al., 2017, arXiv:1611.07004.
    """
    generator = unet(image_shape, condition, latent_dim, width, depth, dropout, norm)
    return generator, patchgan(image_shape, condition, width, patch_depth, patch_norm)
