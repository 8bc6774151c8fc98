"""What a person sees: a run opened in TensorBoard, in a browser. Keeps a screenshot to be looked at."""

import contextlib
import importlib.util
import io
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgan
from kerasgan import pictures
from kerasgan.callbacks import ImageGrid

SCALARS = ("loss", "d_loss", "g_loss")
GRIDS = ("samples", "real")
PATIENCE_SECONDS = 90
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1800",
)


def needed(found, what):
    """Returns what was found. Skips where it is missing; on CI, where it has to be there, fails."""
    if not found:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"This test needs {what}.")
    return found


def write_run(log_dir):
    """Trains a tiny game with the callbacks of a usual run; returns its history and the last grid of samples."""
    keras.utils.set_random_seed(0)
    generator = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(64, activation="tanh"), keras.layers.Reshape((8, 8, 1))]
    )
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    gan.compile(d_optimizer=keras.optimizers.Adam(1e-2), g_optimizer=keras.optimizers.Adam(1e-2))
    ramp = np.linspace(-1, 1, 64, dtype="float32").reshape(1, 8, 8, 1)
    real = np.concatenate([ramp, -ramp] * 32)
    callbacks = [keras.callbacks.TensorBoard(log_dir), ImageGrid(log_dir, n=16, every_epochs=5, real=real)]
    history = gan.fit(real, batch_size=16, epochs=30, verbose=0, callbacks=callbacks).history
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
    """Returns the address TensorBoard prints, as soon as it does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if found := re.search(r"http://localhost:\d+/", output.read_text()):
            return found[0]
        time.sleep(0.05)
    pytest.fail(f"TensorBoard did not come up. It said: {output.read_text()}")


@contextlib.contextmanager
def browser(profile):
    """Runs Chromium without a screen and with a profile of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def cards(driver):
    """Returns {tag: card} of the cards one can see: TensorBoard keeps those that the filter leaves out, hidden."""
    found = [card for card in driver.find_elements("css selector", "card-view") if card.is_displayed() and card.text]
    return {card.find_element("css selector", "tb-truncated-path").get_attribute("title"): card for card in found}


def chart_shows(card, last_value):
    """Whether a chart's table says the last value, and a line in colour is drawn above it."""
    cells = [cell.text for cell in card.find_elements("css selector", "tb-data-table-content-cell")]
    numbers = [float(text) for text in cells if re.fullmatch(r"-?\d+\.\d+", text)]
    if numbers != pytest.approx([last_value], abs=1e-4):
        return False
    chart = card.find_element("css selector", "line-chart .series-view").screenshot_as_png
    pixels = np.asarray(Image.open(io.BytesIO(chart)).convert("HSV"))
    return np.count_nonzero(pixels[..., 1] > 100) > 100  # axes and grid are grey


def grid_shows(card, width):
    """Whether an image has been loaded, with its own width, and is not painted in one shade."""
    image = card.find_element("css selector", "img")
    if int(image.get_property("naturalWidth")) != width:
        return False
    pixels = np.asarray(Image.open(io.BytesIO(image.screenshot_as_png)).convert("L"))
    return pixels.std() > 20


def everything_is_there(driver, history, width):
    """Whether all cards are on the page, drawn."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

    try:
        shown = cards(driver)
        return (
            set(shown) == {*GRIDS, *(f"epoch_{name}" for name in SCALARS)}
            and all(chart_shows(shown[f"epoch_{name}"], history[name][-1]) for name in SCALARS)
            and all(grid_shows(shown[name], width) for name in GRIDS)
        )
    except (NoSuchElementException, StaleElementReferenceException):
        return False  # the page is still being built


def open_page(driver, url, is_ready):
    """Opens the page, again and again: TensorBoard answers before it has read the whole run."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    tags = "|".join([*GRIDS, *(f"epoch_{name}" for name in SCALARS)])
    for _ in range(PATIENCE_SECONDS // 15):
        driver.get(f"{url}?darkMode=false&smoothing=0&tagFilter=%5E({tags.replace('|', '%7C')})%24#timeseries")
        with contextlib.suppress(TimeoutException):
            return WebDriverWait(driver, 15).until(is_ready)
    return False


@pytest.mark.slow
def test_page_shows_the_losses_and_the_grids(tmp_path):
    needed(importlib.util.find_spec("selenium"), "selenium")
    needed(shutil.which("chromium"), "chromium")
    needed(shutil.which("chromedriver"), "chromedriver")
    folder = pathlib.Path(os.environ.get("KERASGAN_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    history, grid = write_run(tmp_path / "run")
    with tensorboard(tmp_path / "run", tmp_path / "output.txt") as url, browser(tmp_path / "profile") as driver:
        ready = open_page(driver, url, lambda page: everything_is_there(page, history, grid.shape[1]))
        driver.save_screenshot(str(folder / "tensorboard.png"))
        assert ready, f"The page shows only {sorted(cards(driver))}; see {folder / 'tensorboard.png'}."
