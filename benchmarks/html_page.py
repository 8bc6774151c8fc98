"""Sizes and images per second of pages in headless Chromium: `python benchmarks/html_page.py`.

Each network is exported with `format="html"`, opened from its file, and draws images one by one, on one thread, for
some seconds: per second of the clock, and per second that the page's process had a processor, which other work on the
machine changes little. Then the pixels of 64 latents are compared with those of `generate`. The weights are random, of
a size that uses the whole range of the pixels. `--onnxruntime-web FOLDER` adds the same pages with `runtime="onnx"`.
Needs Linux, and Debian's `chromium` and `chromium-driver`. Prints a table and writes JSON to a new file: `--out`.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import warnings

import records

NETWORKS = {
    "digits": ((8, 8, 1), 64, {"width": 32, "depth": 2}),
    "dcgan-28": ((28, 28, 1), 64, {"width": 64}),
    "dcgan-64": ((64, 64, 3), 128, {"width": 64}),
}
"""Shape of the images, latents and options of `networks.dcgan`: the recipe of the digits, and two of full width."""

SAMPLES = 64
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

DRAW_FOR = """
const [seconds, done] = [arguments[0], arguments[1]], g = kerasgan.generator, n = g.program.latent_dim;
(async () => {
  for (let i = 0; i < 3; i++) await g.draw(drawLatents(n), 0);
  const start = performance.now();
  let drawn = 0;
  for (; performance.now() - start < 1000 * seconds; drawn++) await g.draw(drawLatents(n), 0);
  done([drawn, (performance.now() - start) / 1000, g.name]);
})();
"""

PIXELS = """
const [latents, done] = [arguments[0], arguments[1]], g = kerasgan.generator, found = [];
(async () => {
  for (const z of latents) found.push([...levels(await g.draw(z, 0), g.program.image_shape).data]);
  done(found);
})();
"""


def made(name):
    """Returns a GAN with random weights that keep the variance from layer to layer."""
    import keras
    import numpy as np

    import kerasgan

    image_shape, latent_dim, options = NETWORKS[name]
    networks = kerasgan.networks.dcgan(image_shape, latent_dim, **options)
    numbers = np.random.default_rng(0)
    for layer in networks[0].layers:
        if hasattr(layer, "kernel"):
            shape = layer.kernel.shape
            terms = shape[0] if len(shape) == 2 else 4 * shape[3]  # a pixel gets 4 of the 16 weights of a channel
            layer.kernel.assign(numbers.normal(size=shape) * (2 / terms) ** 0.5)
    keras.utils.set_random_seed(0)
    return kerasgan.GAN(*networks, latent_dim, seed=0)


def browser(profile):
    """Returns a driver of headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def processor_seconds(driver):
    """Returns how long the processes that run the driver's pages have had a processor, all their threads together."""
    parents, times = {}, {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            renders = "--type=renderer" in (folder / "cmdline").read_text()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(fields[1])
        if renders:
            times[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return sum(seconds for process, seconds in times.items() if driver.service.process.pid in above(process, parents))


def above(process, parents):
    """Returns the processes that have started a process, one the other."""
    while process in parents:
        process = parents[process]
        yield process


def spread(values):
    """Returns the median and the range of values, as a dict."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def shown(found):
    """Returns a median with its range, as text."""
    return f"{found['median']:,.0f} ({found['low']:,.0f}-{found['high']:,.0f})"


def measured(driver, page, gan, rounds, seconds):
    """Returns the figures of a page, a dict."""
    import numpy as np
    from selenium.webdriver.support.ui import WebDriverWait

    from kerasgan.pictures import to_uint8

    driver.set_script_timeout(300)
    driver.get(page.as_uri())
    WebDriverWait(driver, 300).until(
        lambda page: page.execute_script("return Boolean(window.kerasgan && !kerasgan.queue.running)")
    )
    speeds, processor_speeds, name = [], [], None
    for _ in range(rounds):
        before = processor_seconds(driver)
        drawn, took, name = driver.execute_async_script(DRAW_FOR, seconds)
        speeds.append(drawn / took)
        processor_speeds.append(drawn / (processor_seconds(driver) - before))
    latents = np.random.default_rng(1).normal(size=(SAMPLES, gan.latent_dim)).astype("float32")
    found = np.array(driver.execute_async_script(PIXELS, latents.tolist())).reshape(SAMPLES, -1, 4)
    expected = to_uint8(gan.generate(latents=latents)).reshape(SAMPLES, -1, gan.image_shape[-1])
    apart = np.abs(found[..., : gan.image_shape[-1]] - expected.astype(int))
    return {
        "megabytes": page.stat().st_size / 1e6,
        "images_per_second": spread(speeds),
        "images_per_processor_second": spread(processor_speeds),
        "levels_apart": int(apart.max()),
        "runtime": name,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round (default: %(default)s)")
    parser.add_argument("--onnxruntime-web", metavar="FOLDER", help="the npm package; adds pages that it runs")
    records.add_options(parser, "html-page")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    warnings.filterwarnings("ignore", "Pages above")
    rows = []
    print("| network | runtime | MB | images/s, median (range) | of processor time | levels apart |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        driver = browser(pathlib.Path(folder, "profile"))
        try:
            for name in options.networks:
                gan = made(name)
                web = options.onnxruntime_web
                for more in ({}, *([{"runtime": "onnx", "onnxruntime_web": web}] if web else [])):
                    page = pathlib.Path(folder, f"{name}.html")
                    gan.export(page, title=name, **more)
                    row = {"network": name} | measured(driver, page, gan, options.rounds, options.seconds)
                    rows.append(row)
                    speeds = [shown(row[f"images_per_{unit}"]) for unit in ("second", "processor_second")]
                    cells = [name, row["runtime"], f"{row['megabytes']:.2f}", *speeds, str(row["levels_apart"])]
                    print(f"| {' | '.join(cells)} |", flush=True)
        finally:
            driver.quit()
    records.write(options, {"rounds": options.rounds, "seconds": options.seconds, "rows": rows})


if __name__ == "__main__":
    main()
