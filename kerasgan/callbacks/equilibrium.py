"""When to stop: the equilibrium of the game, with a witness."""

import logging
import pathlib

import keras
import numpy as np

from kerasgan import theory

from .writer import SummaryWriter, training_step, whole_number

FEWEST_IMAGES = 50
"""With fewer images the witness's spread is so wide that it would agree to almost anything."""

SEEN = ("equilibrium_epoch", "_could_tell", "_epochs_at_half", "_has_warned")


class Equilibrium(keras.callbacks.Callback):
    """Stops training when the discriminator can no longer tell generated samples from real ones, and rightly so.

    At the equilibrium q = p the discriminator says 1/2 everywhere and its loss is log 4. An untrained discriminator
    says 1/2 too, and so does one too weak to tell. Training therefore stops only if all of these hold:

    1. *It cannot tell now.* For `patience` epochs in a row the bound (log 4 - d_loss) / 2 of the Jensen-Shannon
       divergence lies within `tolerance` of 0, and `d_real` and `d_fake` within sqrt(tolerance / 2) of 1/2 (a
       discriminator that says 1/2 + c everywhere has the bound -2 c^2).
    2. *It could tell once.* In some earlier epoch the bound exceeded `pairwise_accuracy`.
    3. *A witness agrees.* A nearest-neighbour two-sample test between `real_images` and as many generated samples finds
       no more than chance: `nearest_neighbour_accuracy` stays below `witness_threshold`. If it does not, that is said
       once, and the witness is asked again after `patience` more epochs.

    The bound is the scalar `js_bound` in TensorBoard, run `<log_dir>/equilibrium`, and `logs["js_bound"]` for callbacks
    that come later in the list and for the history.

    What it cannot tell: the bound is one of training batches, so a discriminator that learns by heart raises it, and
    one fooled by noise in a small epoch lowers it. A run that starts from a good generator, or is resumed without
    `Checkpoint`, has not seen the discriminator tell, and goes on. The witness compares pixels: for images it is
    strict, as a generated image is nearer to another generated one for reasons no person sees, so GANs of real-size
    images will rarely be stopped by it; for point sets it overlooks small differences in density. Generated samples
    that copy `real_images` score below chance and pass: give images that are not trained on.

    Args:
        real_images: real images in [-1, 1] or points, shape (m, ...), best not those trained on; at least 50.
        log_dir: folder of the run, or `None` to write nothing for TensorBoard.
        tolerance: how near 0 the bound has to be; the divergence itself lies in [0, log 2]. For two bells of one width
            0.02 is a shift of 0.4 standard deviations.
        patience: epochs in a row.
        n: real images, and generated ones, that the witness looks at; no more than there are in `real_images`.
        seed: int that fixes the choice of real images and the latents.
        stop: False sets only `equilibrium_epoch`, and training goes on.
        pairwise_accuracy: the bound that shows a discriminator able to tell.
        margin: accuracy above chance that the witness lets pass besides the spread; no generator is exact.

    Attributes:
        equilibrium_epoch: the epoch (from 0) in which all three held for the first time, or `None`.

    Raises:
        ValueError: for too few real images or settings out of range; when training begins, if the loss of the model's
            objective bounds no Jensen-Shannon divergence, or the images have another shape than the generated ones.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, theorem 1; Lopez-Paz and Oquab, 2017, arXiv:1610.06545.
    """

    def __init__(
        self,
        real_images,
        log_dir=None,
        tolerance=0.02,
        patience=3,
        n=500,
        seed=0,
        stop=True,
        pairwise_accuracy=0.05,
        margin=0.02,
    ):
        super().__init__()
        n, real_images = whole_number("n", n, least=FEWEST_IMAGES), np.asarray(real_images)
        _check_settings(real_images, tolerance, pairwise_accuracy, margin)
        chosen = np.random.default_rng(seed).permutation(len(real_images))[:n]
        self.real_images = real_images[chosen]
        self.tolerance, self.pairwise_accuracy, self.margin = tolerance, pairwise_accuracy, margin
        self.patience = whole_number("patience", patience, least=1)
        self.seed, self.stop = seed, stop
        self.equilibrium_epoch = None
        self._could_tell = False
        self._epochs_at_half = 0
        self._has_warned = False
        self._writer = None if log_dir is None else SummaryWriter(pathlib.Path(log_dir) / "equilibrium")

    def on_train_begin(self, logs=None):
        if not self.model.objective.bounds_js:
            raise ValueError(
                "Equilibrium reads a bound of the Jensen-Shannon divergence off d_loss, which only the cross-entropy "
                f"objectives give. Received: objective={self.model.objective!r}. Use objective='non_saturating', or "
                "stop on a metric of the samples with keras.callbacks.EarlyStopping."
            )
        shape = self.model.generate(1, seed=self.seed).shape[1:]
        if shape != self.real_images.shape[1:]:
            raise ValueError(
                f"Real and generated images have the same shape. Received: real_images of shape "
                f"{self.real_images.shape[1:]}, generated images of shape {shape}. Pass the images that fit() is given."
            )
        self._epochs_at_half = 0

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        bound = float(theory.js_lower_bound(np.mean(logs["d_loss"])))
        logs["js_bound"] = bound
        self._write("js_bound", bound)
        self._could_tell = self._could_tell or bound > self.pairwise_accuracy
        self._epochs_at_half = self._epochs_at_half + 1 if self._says_half(bound, logs) else 0
        if self._epochs_at_half >= self.patience and self._witness_agrees() and self._could_tell:
            self.equilibrium_epoch = epoch if self.equilibrium_epoch is None else self.equilibrium_epoch
            self.model.stop_training = self.model.stop_training or self.stop

    def on_train_end(self, logs=None):
        if self._writer is not None:
            self._writer.close()

    def get_state(self):
        """Returns what it has seen so far, for `Checkpoint`."""
        return {name: getattr(self, name) for name in SEEN}

    def set_state(self, state):
        """Gives it back what `get_state` returned. Raises ValueError for anything else."""
        if not isinstance(state, dict) or set(state) != set(SEEN) or not isinstance(state["_epochs_at_half"], int):
            raise ValueError(f"The state must be one that Equilibrium returned. Received: state={str(state)[:200]}.")
        for name, value in state.items():
            setattr(self, name, value)

    def witness_threshold(self):
        """Returns the accuracy up to which the witness agrees, 1/2 + 3 sqrt(1 / (8 m)) + margin, m images of each kind.

        sqrt(1 / (8 m)) is the standard deviation of the share of heads in 2 m tosses. Two samples that are each other's
        nearest neighbour toss together, which widens the true spread by up to sqrt(2): three of the binomial deviations
        are two of the true ones, and a little more.
        """
        return theory.EQUILIBRIUM_PROBABILITY + 3.0 * np.sqrt(1.0 / (8.0 * len(self.real_images))) + self.margin

    def _says_half(self, bound, logs):
        room = np.sqrt(self.tolerance / 2.0)
        means = np.array([np.mean(logs["d_real"]), np.mean(logs["d_fake"])])
        return abs(bound) <= self.tolerance and bool(np.all(np.abs(means - theory.EQUILIBRIUM_PROBABILITY) <= room))

    def _witness_agrees(self):
        generated = self.model.generate(len(self.real_images), seed=self.seed)
        accuracy = nearest_neighbour_accuracy(self.real_images, generated)
        self._write("witness_accuracy", accuracy)
        if accuracy <= self.witness_threshold():
            return True
        self._epochs_at_half = 0
        if not self._has_warned:
            logging.getLogger(__name__).warning(
                "the discriminator is too weak: it says 1/2, but nearest neighbours tell real from generated samples "
                "with accuracy %.2f. Give it more capacity, more steps (d_steps) or a higher learning rate.",
                accuracy,
            )
        self._has_warned = True
        return False

    def _write(self, name, value):
        if self._writer is not None:
            self._writer.scalar(name, value, training_step(self.model))
            self._writer.flush()


def nearest_neighbour_accuracy(real, generated):
    """Returns how often a sample's nearest neighbour among all the others is of its own kind.

    This is the leave-one-out accuracy of a 1-nearest-neighbour classifier on Euclidean distance. About 1/2 where both
    kinds come from one distribution, near 1 where they lie apart, and near 0 where each generated sample is a copy of a
    real one.

    Args:
        real: shape (m, ...).
        generated: shape (m, ...), equally many: else chance is not 1/2.

    Returns:
        A float in [0, 1]; 1.0 if a generated value is not finite, since anyone can tell that.

    Raises:
        ValueError: if the two differ in shape.

    Reference: Lopez-Paz and Oquab, 2017, arXiv:1610.06545; Xu et al., 2018, arXiv:1806.07755.
    """
    from sklearn.neighbors import NearestNeighbors

    if np.shape(real) != np.shape(generated):
        raise ValueError(
            f"The test takes equally many samples of both kinds. Received: real of shape {np.shape(real)}, generated "
            f"of shape {np.shape(generated)}. Leave some out."
        )
    if not np.all(np.isfinite(generated)):
        return 1.0
    samples = np.concatenate([real, generated]).reshape(2 * len(real), -1).astype("float64")
    is_real = np.arange(2 * len(real)) < len(real)
    nearest = NearestNeighbors(n_neighbors=1).fit(samples).kneighbors(return_distance=False)[:, 0]
    return float(np.mean(is_real[nearest] == is_real))


def _check_settings(real_images, tolerance, pairwise_accuracy, margin):
    if real_images.ndim < 2 or len(real_images) < FEWEST_IMAGES:
        raise ValueError(
            f"The witness needs at least {FEWEST_IMAGES} real images of shape (m, height, width, channels), or points "
            f"(m, d). Received: real_images.shape={real_images.shape}. Some hundreds make it sharp."
        )
    if not 0.0 < tolerance < pairwise_accuracy < theory.js_lower_bound(0.0) or not 0.0 <= margin < 0.5:
        raise ValueError(
            "The bound of a discriminator that tells lies above that of one that does not: 0 < tolerance < pairwise_accuracy "
            f"< log 2, and 0 <= margin < 1/2. Received: tolerance={tolerance}, pairwise_accuracy={pairwise_accuracy}, "
            f"margin={margin}. The defaults are 0.02, 0.05 and 0.02."
        )
