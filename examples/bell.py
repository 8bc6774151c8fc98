"""One bell curve learns another: the picture that GANs are explained with, computed instead of drawn by hand.

You learn: that the discriminator converges to D*(x) = p(x) / (p(x) + q(x)), that the generator moves its bell q along
the gradient of D, and that both converge to q = p and D = 1/2. The generator is one affine map of N(0, 1), so that its
q is always a bell; it learns the mean and the width.

Run:      python examples/bell.py [FOLDER]
Takes:    11 seconds on two CPU cores.
Writes:   bell.png into FOLDER (tensorboard_logs/example-bell): four panels with p, q, D and D*.
"""

import pathlib
import sys

import keras
import numpy as np
from matplotlib.figure import Figure

import kerasgan
from kerasgan.datasets import BELL_MEAN, BELL_SIGMA

X = np.linspace(-1.0, 4.0, 401, dtype="float32")
P = np.exp(-0.5 * ((X - BELL_MEAN) / BELL_SIGMA) ** 2) / (BELL_SIGMA * np.sqrt(2 * np.pi))


def curves(gan, samples=100_000):
    """Returns q, D and D* at X. q is a smoothed histogram of samples; D* is NaN where there are almost none."""
    step = X[1] - X[0]
    edges = np.append(X, X[-1] + step) - step / 2
    histogram = np.histogram(gan.generate(samples, seed=0, batch_size=samples), edges)[0] / (samples * step)
    kernel = np.exp(-0.5 * (np.arange(-16, 17) / 4) ** 2)  # a Gaussian of width 0.05
    q = np.convolve(histogram, kernel / kernel.sum(), mode="same")
    d = kerasgan.theory.sigmoid(gan.discriminator.predict(X[:, None], verbose=0)[:, 0])
    return q, d, np.where(P + q > 0.02, kerasgan.theory.optimal_discriminator(P, q), np.nan)


def draw(path, panels):
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    for axes, (title, (q, d, best)) in zip(figure.subplots(1, 4, sharey=True), panels.items(), strict=True):
        axes.fill_between(X, P, color="0.85", label="p, the data")
        axes.plot(X, q, color="tab:green", label="q, the generator")
        axes.plot(X, best, color="tab:red", linewidth=4, alpha=0.4, label="D* = p / (p + q)")
        axes.plot(X, d, color="tab:blue", linestyle="--", label="D, the discriminator")
        axes.set(title=title, xlabel="x", xlim=(X[0], X[-1]), ylim=(0, 1.5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(folder="tensorboard_logs/example-bell", epochs=60):
    keras.utils.set_random_seed(0)
    batches, _ = kerasgan.datasets.load("bell", batch_size=500)
    constant = keras.initializers.Constant
    bell = keras.layers.Dense(1, kernel_initializer=constant(0.4), bias_initializer=constant(0.7))  # q = N(0.7, 0.4^2)
    _, discriminator = kerasgan.networks.mlp((1,), latent_dim=1, width=32, depth=2)
    gan = kerasgan.GAN(keras.Sequential([keras.Input((1,)), bell]), discriminator, latent_dim=1)
    gan.compile(keras.optimizers.Adam(beta_1=0.5), keras.optimizers.SGD(), steps_per_execution=10)

    def train(steps, d_rate, g_rate):  # a network whose rate is 0 does not change
        gan.d_optimizer.learning_rate, gan.g_optimizer.learning_rate = d_rate, g_rate
        gan.fit(batches.repeat(epochs), steps_per_epoch=steps, verbose=0)
        return curves(gan)

    panels = {"1. Near the start": train(20, d_rate=1e-3, g_rate=0.0)}
    panels["2. D trained, G fixed: D is near D*"] = g_fixed = train(epochs * 20, d_rate=3e-3, g_rate=0.0)
    panels["3. G trained, D fixed: q moves"] = train(10, d_rate=0.0, g_rate=1e-2)
    for rate in (1e-2, 3e-3, 1e-3):  # decreasing, since at a constant rate training circles
        panels["4. The end: q = p, and D = 1/2"] = end = train(epochs * 30, d_rate=rate / 3, g_rate=rate)
    draw(pathlib.Path(folder) / "bell.png", panels)
    to_best = float(np.nanmax(np.abs(g_fixed[1] - g_fixed[2])))
    to_half = float(np.mean(np.abs(end[1] - 0.5)[~np.isnan(end[2])]))
    print(
        f"Trained with a fixed generator, D is within {to_best:.3f} of D* wherever there are samples. At the end "
        f"q is within {np.max(np.abs(end[0] - P)):.3f} of p, and D on average within {to_half:.3f} of 1/2."
    )
    return to_best, to_half


if __name__ == "__main__":
    main(*sys.argv[1:2])
