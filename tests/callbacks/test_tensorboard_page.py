"""A run in TensorBoard, as people see it in a browser. Keeps a screenshot."""

import contextlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from browsers import browser, require_browser
from PIL import Image

import kerasgan
from kerasgan import callbacks, pictures

GROUPS = ["losses", "samples", "training", "training_diagnostics"]
GRIDS = ("samples/grid", "samples/latent_walk", "samples/real")
PATIENCE_SECONDS = 90


def write_run(log_dir):
    """Trains a tiny GAN with the callbacks of a usual run; returns its history and the last grid of samples."""
    keras.utils.set_random_seed(0)
    generator = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(64, activation="tanh"), keras.layers.Reshape((8, 8, 1))]
    )
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    gan.compile(d_optimizer=keras.optimizers.Adam(1e-2), g_optimizer=keras.optimizers.Adam(1e-2))
    ramp = np.linspace(-1, 1, 64, dtype="float32").reshape(1, 8, 8, 1)
    real = np.concatenate([ramp, -ramp] * 32)
    watching = [
        callbacks.Guard(log_dir=log_dir),
        callbacks.TensorBoard(log_dir),
        callbacks.ImageGrid(log_dir, n=16, every_epochs=5, real=real),
        callbacks.LatentWalk(log_dir, every_epochs=5),
    ]
    history = gan.fit(real, batch_size=16, epochs=30, verbose=0, callbacks=watching).history
    return history, pictures.tile(gan.generate(16, seed=0))


@contextlib.contextmanager
def tensorboard(log_dir, output):
    """Runs TensorBoard on a free port; gives its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--host", "localhost", "--port", "0"]
    with open(output, "w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield address(server, output)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)  # with the data server, its child
        server.wait(timeout=PATIENCE_SECONDS)


def address(server, output):
    """Returns the address that TensorBoard prints."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"http://localhost:\d+/", output.read_text()):
            return found[0]
        time.sleep(0.05)
    pytest.fail(f"TensorBoard did not start. Its output: {output.read_text()}")


def groups(driver):
    """Returns the names of the groups of tags, from the top of the page."""
    titles = driver.find_elements("css selector", "metrics-card-group-toolbar .group-title")
    return [title.get_attribute("title") for title in titles]


def cards(driver):
    """Returns {tag: card} of the visible cards."""
    found = [card for card in driver.find_elements("css selector", "card-view") if card.is_displayed() and card.text]
    return {card.find_element("css selector", "tb-truncated-path").get_attribute("title"): card for card in found}


def chart_shows(card, last_values):
    """Returns whether a chart's table has the last values, and lines in color are drawn above it."""
    cells = [cell.text for cell in card.find_elements("css selector", "tb-data-table-content-cell")]
    numbers = [float(text) for text in cells if re.fullmatch(r"-?\d+\.\d+", text)]
    if sorted(numbers) != pytest.approx(sorted(last_values), abs=1e-4):
        return False
    chart = card.find_element("css selector", "line-chart .series-view").screenshot_as_png
    pixels = np.asarray(Image.open(io.BytesIO(chart)).convert("HSV"))
    return np.count_nonzero(pixels[..., 1] > 100) > 100  # axes and grid are gray


def picture_shows(card, width=None):
    """Returns whether an image has been loaded, with its own width, and is not of one shade."""
    image = card.find_element("css selector", "img")
    if not int(image.get_property("naturalWidth")) or width not in (None, int(image.get_property("naturalWidth"))):
        return False
    pixels = np.asarray(Image.open(io.BytesIO(image.screenshot_as_png)).convert("L"))
    return pixels.std() > 20


def page_is_complete(driver, history, width):
    """Returns whether the groups are in order, and the first two open, with everything drawn."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

    try:
        found = cards(driver)
        return (
            groups(driver) == GROUPS
            and list(found) == ["losses/loss", *GRIDS]
            and chart_shows(found["losses/loss"], [history[name][-1] for name in ("loss", "d_loss", "g_loss")])
            and picture_shows(found["samples/grid"], width)
            and all(picture_shows(found[name]) for name in GRIDS)
        )
    except (NoSuchElementException, StaleElementReferenceException):
        return False  # the page is not built yet


def open_page(driver, url, is_ready):
    """Opens the page, again and again: TensorBoard answers before it has read the whole run."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    for _ in range(PATIENCE_SECONDS // 15):
        driver.get("about:blank")  # else the page is not loaded anew
        driver.get(f"{url}?darkMode=false&smoothing=0#timeseries")
        with contextlib.suppress(TimeoutException):
            return WebDriverWait(driver, 15).until(is_ready)
    return False


@pytest.mark.slow
def test_the_first_screen_shows_the_losses_and_the_samples(tmp_path):
    require_browser()
    folder = pathlib.Path(os.environ.get("KERASGAN_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    history, grid = write_run(tmp_path / "run")
    with tensorboard(tmp_path / "run", tmp_path / "output.txt") as url, browser(tmp_path / "profile") as driver:
        ready = open_page(driver, url, lambda page: page_is_complete(page, history, grid.shape[1]))
        driver.save_screenshot(str(folder / "tensorboard.png"))
        message = f"The page has the groups {groups(driver)} and shows {list(cards(driver))}: {folder}/tensorboard.png"
        assert ready, message
