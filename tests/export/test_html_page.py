"""A page as people use it, in headless Chromium: pixels, pointer, keys, classes, files, and no request."""

import base64
import json
import pathlib
import time

import keras
import numpy as np
import page_networks
import pytest
from browsers import browser, require_browser
from PIL import Image

import kerasgan
from kerasgan.export.html import page, reading, weights
from kerasgan.pictures import to_uint8
from kerasgan.sampling.interpolation import spherical_interpolation

LATENT_DIM, CLASSES = 6, 3
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def gan():
    keras.utils.set_random_seed(0)
    networks = kerasgan.networks.dcgan((8, 8, 1), LATENT_DIM, width=8, num_classes=CLASSES)
    networks[0].set_weights([8 * each if each.ndim > 1 else each for each in networks[0].get_weights()])
    return kerasgan.GAN(*networks, LATENT_DIM, num_classes=CLASSES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def driver(folder, gan):
    require_browser()
    directions = [("up", np.eye(LATENT_DIM)[0]), ("down", np.eye(LATENT_DIM)[1])]
    gan.export(folder / "page.html", title="Small", class_names="x,y,z", directions=directions)
    with browser(folder / "profile", window="1200,1600") as driver:
        behavior = {"behavior": "allow", "downloadPath": str(folder)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
        yield driver


@pytest.fixture
def opened(driver, folder):
    """The page, opened anew, with everything drawn."""
    driver.get((folder / "page.html").as_uri())
    wait(driver)
    return driver


def wait(driver):
    """Waits until all pictures are drawn."""
    until(lambda: driver.execute_script("return Boolean(window.kerasgan && !kerasgan.queue.running)"))


def until(found):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def shown(driver, selector="#current"):
    """Returns the pixels of a canvas, uint8 (height, width)."""
    wait(driver)
    width, height, pixels = driver.execute_script(
        "const c = document.querySelector(arguments[0]); return [c.width, c.height, "
        "[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]",
        selector,
    )
    return np.reshape(pixels, (height, width, 4))[..., 0]


def errors(driver):
    """Returns what the browser has refused or failed to do since it was last asked."""
    return [each["message"] for each in driver.get_log("browser") if each["level"] == "SEVERE"]


def current(driver):
    """Returns the latents and the label of the current picture."""
    latents, label = driver.execute_script("const s = kerasgan.stage.current; return [[...s.latents], s.label]")
    return np.array(latents, "float32"), label


def levels(gan, latents, labels=None):
    """Returns the pixels of `generate`, as numbers that can be subtracted."""
    return to_uint8(gan.generate(latents=np.atleast_2d(latents), labels=labels))[..., 0].astype(int)


def near(a, b):
    return a.shape == b.shape and np.abs(a - b).max() <= 1


# Pixels


@pytest.mark.parametrize("name", page_networks.NETWORKS)
def test_every_layer_computes_what_keras_computes(name, driver, folder):
    """With SIMD, and, where the kernels cannot be compiled, without."""
    if "Generator" != driver.execute_script("return window.kerasgan && Generator.name"):
        driver.get((folder / "page.html").as_uri())
        wait(driver)
    network, num_classes = page_networks.made(name)
    latents, labels = page_networks.inputs(num_classes)
    read = reading.read(network, LATENT_DIM, network.output_shape[1:], num_classes)
    described, content = weights.packed(read, half=False)
    kernels = page.resource("kernels.wasm")
    images = page_networks.expected(network, latents, labels).reshape(len(latents), -1)
    for compiled, runtime in ((kernels, "WebAssembly SIMD"), (b"", "JavaScript")):
        found_name, found = driver.execute_script(
            "const [program, weights, kernels, latents, labels] = arguments;"
            "const generator = new Generator(JSON.parse(program), fromBase64(weights), fromBase64(kernels));"
            "return [generator.name, latents.map((z, i) => [...generator.draw(z, labels?.[i])])]",
            *(json.dumps(described), *(base64.b64encode(each).decode() for each in (content, compiled))),
            *(latents.tolist(), None if labels is None else labels.tolist()),
        )
        assert found_name == runtime
        np.testing.assert_allclose(found, images, atol=2e-5 * max(1, np.abs(images).max()))


def test_the_pictures_are_those_of_generate(opened, gan):
    samples = opened.execute_script("return kerasgan.samples.list.map((s) => [[...s.latents], s.label])")
    expected = levels(gan, [z for z, _ in samples], [label for _, label in samples])
    assert expected.std() > 20 and len({label for _, label in samples}) == CLASSES
    for number, picture in enumerate(expected):
        assert near(shown(opened, f"#samples button:nth-child({number + 1}) canvas"), picture)
    assert near(shown(opened), expected[0])


def test_the_map_shows_the_plane_around_the_sample(opened, gan):
    picture, (z, label) = shown(opened, "#map"), current(opened)
    latents = opened.execute_script("return [...kerasgan.stage.plane.at(2 / 9, -4 / 9)]")
    assert np.linalg.norm(latents) == pytest.approx(np.linalg.norm(z), rel=1e-5)
    angle = np.arccos(np.dot(latents, z) / np.dot(z, z))
    assert angle == pytest.approx(np.hypot(2, 4) / 9 * np.pi / 2, rel=1e-4)
    row, column = 2 * 9, 5 * 9  # one pixel between pictures of 8 x 8
    assert near(picture[row : row + 8, column : column + 8], levels(gan, latents, [label])[0])


def test_two_latents_are_shown_as_they_are(opened):
    found = opened.execute_script(
        "const plane = new Plane(Float32Array.of(1.5, -0.6)); return [plane.home(), [...plane.at(...plane.home())]]"
    )
    np.testing.assert_allclose(found, [[0.5, 0.2], [1.5, -0.6]], atol=1e-6)


# Controls


def test_the_mouse_moves_through_the_plane_and_a_click_holds(opened, gan):
    from selenium.webdriver import ActionChains

    pad = opened.find_element("id", "pad")
    first = current(opened)[0]
    side = pad.size["width"]
    ActionChains(opened).move_to_element_with_offset(pad, side // 4, -side // 8).perform()
    moved, label = current(opened)
    np.testing.assert_allclose(
        moved, opened.execute_script("return [...kerasgan.stage.plane.at(0.5, -0.25)]"), atol=0.05
    )
    assert not np.allclose(first, moved) and near(shown(opened), levels(gan, moved, [label])[0])
    ActionChains(opened).click().move_to_element_with_offset(pad, 0, 0).perform()
    np.testing.assert_allclose(current(opened)[0], moved, atol=1e-6)
    ActionChains(opened).click().perform()
    np.testing.assert_allclose(current(opened)[0], first, atol=0.05)


def test_a_finger_moves_through_the_plane(opened):
    box = opened.execute_script(
        "const b = pad.getBoundingClientRect(); return [b.left + scrollX, b.top + scrollY, b.width]"
    )
    before = current(opened)[0]
    for kind, x in (("touchStart", 0.5), ("touchMove", 0.7), ("touchMove", 0.9)):
        points = [{"x": box[0] + x * box[2], "y": box[1] + 0.5 * box[2]}]
        opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    opened.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    u, held = opened.execute_script("return [kerasgan.stage.u, kerasgan.stage.held]")
    assert u == pytest.approx(0.8, abs=0.02) and held and not np.allclose(before, current(opened)[0])


def test_keys_reach_everything(opened, gan):
    from selenium.webdriver import Keys

    pad, body = opened.find_element("id", "pad"), opened.find_element("tag name", "body")
    pad.send_keys(Keys.ARROW_RIGHT, Keys.SHIFT + Keys.ARROW_UP)
    u, v = opened.execute_script("return [kerasgan.stage.u, kerasgan.stage.v]")
    assert (u, v) == (pytest.approx(0.04), pytest.approx(-0.2))
    moved = current(opened)[0]
    body.send_keys("c")
    np.testing.assert_allclose(opened.execute_script("return [...kerasgan.stage.plane.center]"), moved, atol=1e-6)
    before = opened.execute_script("return [...kerasgan.samples.list[0].latents]")
    body.send_keys("n")
    assert before != opened.execute_script("return [...kerasgan.samples.list[0].latents]")
    first = opened.find_element("css selector", "#samples button")
    first.send_keys(Keys.ARROW_RIGHT)
    opened.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    chosen = opened.execute_script("return [...kerasgan.samples.list[13].latents]")
    np.testing.assert_allclose(current(opened)[0], chosen, atol=1e-6)


def test_a_class_is_chosen(opened, gan):
    names = [each.text for each in opened.find_elements("css selector", "#choices span")]
    assert names == ["any", "x", "y", "z"]
    z, _ = current(opened)
    for number in (2, 0):
        opened.find_elements("css selector", "#choices input")[number + 1].click()
        picture = levels(gan, z, [number])[0]
        assert near(shown(opened), picture) and near(shown(opened, "#samples canvas"), picture)
        assert near(shown(opened, "#between canvas"), picture)
        assert f"Class {names[number + 1]}" in opened.find_element("id", "where").text
    assert np.array_equal(z, current(opened)[0])
    assert np.abs(levels(gan, z, [2]) - levels(gan, z, [0])).max() > 10


def test_the_way_between_two_samples_is_the_arc(opened, gan):
    ends = opened.execute_script("return [0, 1].map((i) => [...kerasgan.samples.list[i].latents])")
    label = opened.execute_script("return kerasgan.samples.list[0].label")
    opened.execute_script("way.value = 0.25; way.oninput()")
    expected = spherical_interpolation([ends[0]], [ends[1]], [0.25])[0, 0].astype("float32")
    np.testing.assert_allclose(current(opened)[0], expected, atol=1e-5)
    assert near(shown(opened), levels(gan, expected, [label])[0])
    opened.execute_script("kerasgan.samples.choose(5)")
    opened.find_element("id", "end").click()
    wait(opened)
    opened.find_elements("css selector", "#between button")[8].click()
    chosen = opened.execute_script("return [...kerasgan.samples.list[5].latents]")
    np.testing.assert_allclose(current(opened)[0], chosen, atol=1e-6)


def test_sliders_add_directions(opened):
    z, _ = current(opened)
    opened.execute_script("const s = document.querySelectorAll('#sliders input')[1]; s.value = 1.5; s.oninput()")
    moved, _ = current(opened)
    np.testing.assert_allclose(moved - z, 1.5 * np.eye(LATENT_DIM)[1], atol=1e-5)
    opened.find_element("id", "level").click()
    np.testing.assert_allclose(current(opened)[0], z, atol=1e-6)


def test_a_picture_is_kept(opened, folder):
    picture = shown(opened)
    opened.find_element("id", "keep").click()
    until((folder / "small-1.png").exists)
    until(lambda: not list(folder.glob("*.crdownload")))
    kept = np.asarray(Image.open(folder / "small-1.png").convert("L"))
    assert kept.shape == (512, 512) and np.array_equal(kept[::64, ::64], picture)


# The page as a whole


def test_no_request_is_made(opened, folder):
    opened.find_element("id", "new").click()
    wait(opened)
    events = [json.loads(each["message"])["message"] for each in opened.get_log("performance")]
    sent = [each["params"] for each in events if each["method"] == "Network.requestWillBeSent"]
    own = (folder / "page.html").as_uri()
    asked = {each["request"]["url"] for each in sent if each["documentURL"] == own}
    assert {url for url in asked if not url.startswith("blob:")} == {own}  # a kept picture is a blob
    assert errors(opened) == []


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_is_cut_off(width, opened):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        found = opened.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert found == [width, width]
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name(opened):
    nameless = opened.execute_script(
        "return [...document.querySelectorAll('button, input, [tabindex]')].filter((e) => "
        "!(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert nameless == []


def test_the_page_of_the_documentation_draws(driver):
    """And it is small enough to be in the repository."""
    path = pathlib.Path(__file__).resolve().parents[2] / "docs" / "digits.html"
    assert path.stat().st_size < 1e6
    driver.get(path.as_uri())
    wait(driver)
    assert shown(driver).std() > 20 and errors(driver) == []
