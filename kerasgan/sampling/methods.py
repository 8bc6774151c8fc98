"""The methods of `kerasgan.GAN` that draw samples, and look inside a trained generator."""

from typing import Any

import numpy as np

from . import anomaly, inversion, latent_directions
from .generate import class_grid, generate, translate


class SamplingMethods:
    """A mixin for a GAN: samples, translations, inversion, anomaly scores, directions."""

    def generate(
        self,
        n: int | None = None,
        seed: int | None = None,
        latents: Any = None,
        labels: Any = None,
        batch_size: int = 256,
        condition: Any = None,
    ) -> np.ndarray:
        """Draws samples from the generator, without touching anything that training depends on.

        Args:
            n: how many samples; may be left out where `latents`, or an array of `labels` or conditions, are given.
            seed: int in [0, 2**31) for the same samples every time, on one machine with the same weights; None for
                new ones.
            latents: float array (n, latent_dim) to be used instead of drawn ones, or None to draw from N(0, I).
            labels: for a conditional GAN: one class for all samples, or int array (n,); None draws them uniformly.
            batch_size: how many are computed at a time, at least 1; bounds the memory, changes nothing else.
            condition: for a GAN with a condition: one for all samples, or an array (n, ...); None draws them as
                `kerasgan.conditions` says. Classes are given as `labels` or here.

        Returns:
            NumPy float32 array (n, height, width, channels), in [-1, 1] as far as the generator keeps to it.

        Raises:
            ValueError: if n is negative, left out, more than the memory holds or not the number of latents or labels
                given, the latents have another width or are not finite, the labels are no classes of the GAN, or the
                seed or the batch size is no such number.
        """
        return generate(self, n, seed, latents, labels, batch_size, condition)

    def translate(self, images: Any, seed: int | None = 0, batch_size: int = 16) -> np.ndarray:
        """Translates images by a GAN whose condition is an image: a sketch to a photo, a gray one to one in color.

        Args:
            images: float array (n, height, width, channels) in [-1, 1], of any size that the generator takes.
            seed: int for the same latents every time, where the generator has latents; None for new ones.
            batch_size: how many are computed at a time, at least 1; bounds the memory, changes nothing else.

        Returns:
            NumPy float32 array (n, height, width, channels).

        Raises:
            ValueError: for a GAN whose condition is no image; for images of another number of channels or out of
                range, or of a size that the generator cannot take.
        """
        return translate(self, images, seed, batch_size)

    def class_grid(self, columns: int = 8, seed: int | None = 0, most: int | None = None) -> np.ndarray:
        """Draws the same latents under every class: what the labels change, and what they leave alone.

        Args:
            columns: samples of each class, at least 1.
            seed: int for the same latents every time.
            most: where there are more classes, only so many are drawn, spread over all; None for every class.

        Returns:
            NumPy float32 array (classes * columns, height, width, channels), class after class, for
            `kerasgan.pictures.tile(..., columns=columns)`.

        Raises:
            ValueError: if the GAN has no classes, or there are to be no columns.
        """
        return class_grid(self, columns, seed, most)

    def invert(self, images: Any, labels: Any = None, features: Any = None, **options: Any) -> inversion.Inversion:
        """Returns the latents whose samples are nearest to given images, as far as a search finds them.

        For each image the search starts from the nearest of a bank of samples, and goes down in the latents by L-BFGS:
        the mean square difference of the features, plus `prior * mean(z**2)`, so that the latents stay where the
        generator was trained.

        Args:
            images: float (n, height, width, channels) in [-1, 1], of the size of the GAN's; or points (n, d).
            labels: for a conditional GAN: one class for all images, or int (n,); None tries the classes of the nearest
                samples.
            features: what is compared: None for pixels; a `kerasgan.features.Extractor`, a Keras model, or a function
                from a tensor of images to a tensor (batch, width) through which gradients flow.
            verbose: 1 shows a progress bar; 0 is silent.
            options: fields of `kerasgan.sampling.Search`: `steps`, `starts`, `bank_size`, `prior`, `batch_size`,
                `seed`.

        Returns:
            A `kerasgan.sampling.Inversion`: `latents`, `labels`, `distances` and `images`, the samples.

        Raises:
            ValueError: if the images are no floats in [-1, 1] of the GAN's size, the labels are no classes of the GAN,
                or an option is no such number.

        Example:

        ```python
        import kerasgan

        generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
        found = gan.invert(gan.generate(5, seed=0), steps=20, bank_size=100)
        print(found.latents.shape, found.distances.mean())  # (5, 4) and the mean distance
        ```

        Reference: Zhu et al., 2016, arXiv:1609.03552.
        """
        return inversion.invert(self, images, labels, features, **options)

    def anomaly_scores(self, images: Any, reference: Any, **options: Any) -> anomaly.AnomalyScores:
        """Returns how far images are from their nearest samples, compared with held-out images of the data.

        Args:
            images: as for `invert`.
            reference: held-out images of the data, as `images`: some hundreds that the GAN was not trained on. Or the
                `reference_scores` of an earlier call with the same options, float (m,).
            options: of `invert`, `features` among them. By default the nearest of 20,000 samples is taken, without a
                descent (`steps=0`): the descent finds samples near anomalies, too.

        Returns:
            A `kerasgan.sampling.AnomalyScores`: `scores`, `p_values`, `inversion` and `reference_scores`.

        Raises:
            ValueError: as `invert`; if there is no reference score.

        Example:

        ```python
        import kerasgan

        generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
        images, _, _ = kerasgan.datasets.load_arrays("digits", 30)
        found = gan.anomaly_scores(images[:10], reference=images[10:], steps=5, bank_size=100)
        suspicious = found.p_values < 0.05
        ```

        Reference: Schlegl et al., 2017, arXiv:1703.05921.
        """
        return anomaly.anomaly_scores(self, images, reference, **options)

    def directions(self, n: int = 8, method: str | None = None, seed: int = 0) -> latent_directions.Directions:
        """Returns directions in the latents along which samples change most, the strongest first.

        Args:
            n: number of directions, at most `latent_dim`.
            method: `"first_layer"`, in closed form: the left singular vectors of the kernel by which the latents enter
                the first layer (SeFa); without the rows of a label. `"activations"`: the directions that explain the
                principal components of the activations in front of the second layer (GANSpace). `"samples"`: the
                eigenvectors of the mean of J'J, where J is the Jacobian of a sample, for a generator of any kind. None
                for the first of these that the generator allows.
            seed: int, of the latents at which activations and samples are looked at.

        Returns:
            A `kerasgan.sampling.Directions`: `vectors`, `names`, `scales`.

        Raises:
            ValueError: if `n` is not from 1 to `latent_dim`, or the method needs layers that the generator does not
                show.

        Example:

        ```python
        import kerasgan

        generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
        found = gan.directions(2)
        latents = found.vectors[:1] * [[-2.0], [0.0], [2.0]]  # along the first, through 0
        images = gan.generate(latents=latents)
        ```

        Reference: Shen and Zhou, 2021, arXiv:2007.06600; Härkönen et al., 2020, arXiv:2004.02546; Wang and Ponce, 2021,
        arXiv:2101.06006.
        """
        return latent_directions.directions(self, n, method, seed)
