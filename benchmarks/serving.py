"""How many requests the HTTP server of the examples answers: `python benchmarks/serving.py`.

Exports an untrained DCGAN of 28x28 pixels and starts `examples/serving/server.py` with it, in a process of its own.
Clients, each a thread with an open connection, ask for `n` images as soon as they have been answered. For each number
of clients and of images: requests and images per second, and the median and the 99th percentile of the time to an
answer. Prints a table and writes JSON to a new file: `--out`. Server and clients share the machine.
"""

import argparse
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

import pairs
import records

SERVER = pathlib.Path(__file__).resolve().parents[1] / "examples" / "serving" / "server.py"
LOADS = [(clients, n) for n in (1, 16) for clients in (1, 8, 32)]


@contextlib.contextmanager
def running(model):
    """Starts the server with an exported model; gives the host and port that it listens on, and ends it."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command, output = [sys.executable, str(SERVER), str(model), "0"], subprocess.PIPE
    with subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, text=True, env=environment) as process:
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"The server has ended with code {process.wait()}: start {SERVER.name} by hand.")
            yield urllib.parse.urlsplit(line.strip()).netloc
        finally:
            process.terminate()


def client(address, n, requests, first_seed):
    """Returns the seconds of each of some requests, one after another on the same connection."""
    connection, seconds = http.client.HTTPConnection(address), []
    for number in range(requests):
        start = time.perf_counter()
        connection.request("GET", f"/images?n={n}&seed={first_seed + number}")
        answer = connection.getresponse()
        body = answer.read()
        seconds.append(time.perf_counter() - start)
        if answer.status != 200 or not body.startswith(b"\x89PNG"):
            raise RuntimeError(f"The server has answered {answer.status}: {body[:200]!r}")
    connection.close()
    return seconds


def load(address, clients, n, requests):
    """Returns one row of the table: what so many clients measure, each with so many requests."""
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        asked = [pool.submit(client, address, n, requests, 1000 * number) for number in range(clients)]
        seconds = sorted(each for future in asked for each in future.result())
    return as_row(clients, n, seconds, time.perf_counter() - start)


def as_row(clients, n, seconds, elapsed):
    """Returns one row: rates of all clients together, and times of single requests, from their sorted seconds."""
    rate = len(seconds) / elapsed
    slow = seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))]
    times = {"median_ms": 1000 * statistics.median(seconds), "p99_ms": 1000 * slow}
    return {"clients": clients, "images": n, "requests_per_second": rate, "images_per_second": n * rate} | times


def export(folder):
    """Exports an untrained GAN."""
    import kerasgan

    generator, discriminator = pairs.dcgan(28, 1)
    kerasgan.GAN(generator, discriminator, latent_dim=generator.input_shape[-1], seed=0).export(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200, help="of each client (default: %(default)s)")
    records.add_options(parser, "serving")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    rows = []
    print("| clients | images | requests/s | images/s | median ms | 99 % within ms |\n" + "|---" * 6 + "|")
    with tempfile.TemporaryDirectory() as folder:
        export(folder)
        with running(folder) as address:
            load(address, clients=8, n=16, requests=5)  # before the clock starts
            for clients, n in LOADS:
                rows.append(row := load(address, clients, n, options.requests))
                cells = [
                    f"{row[name]:.0f}" for name in ("clients", "images", "requests_per_second", "images_per_second")
                ]
                print(f"| {' | '.join(cells)} | {row['median_ms']:.1f} | {row['p99_ms']:.1f} |", flush=True)
    command = f"python benchmarks/serving.py --requests {options.requests}"
    records.write(options, {"command": command, "model": "dcgan-28, width 64", "rows": rows})


if __name__ == "__main__":
    main()
