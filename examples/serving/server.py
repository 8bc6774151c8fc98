"""Serves an exported GAN over HTTP, in a process without Keras and kerasgan: `python examples/serving/server.py MODEL`.

MODEL is a folder that `kerasgan export` has written; a port may follow. `/images?n=4&seed=7` is a PNG of four samples
side by side, the same for the same seed; a conditional model takes `&label=3`; `/` is the model's kerasgan.json.
Requests that arrive while TensorFlow is at work are drawn together, as one batch.
"""

import concurrent.futures
import http.server
import json
import queue
import sys
import threading
import urllib.parse

import numpy as np
import tensorflow as tf

MAX_IMAGES, MAX_WAITING = 64, 256  # images of a request; requests that wait before others are refused


class Sampler:
    def __init__(self, folder):
        self.card = json.loads(tf.io.read_file(f"{folder}/kerasgan.json").numpy())
        self.model = tf.saved_model.load(folder)
        self.waiting = queue.Queue(MAX_WAITING)
        threading.Thread(target=self.run, daemon=True).start()

    def sample(self, n=1, seed=0, label=0):
        if not 1 <= n <= MAX_IMAGES or not 0 <= label < (self.card["num_classes"] or 1):
            raise ValueError(f"n is 1 to {MAX_IMAGES}, label a class of the model. Received: n={n}, label={label}.")
        inputs = {"z": np.random.default_rng(seed).standard_normal((n, *self.card["latent_shape"]), "float32")}
        if self.card["num_classes"]:
            inputs["labels"] = np.full(n, label, "int32")
        future = concurrent.futures.Future()
        self.waiting.put_nowait((n, inputs, future))
        return future.result()

    def run(self):
        while True:
            batch = [self.waiting.get()]
            while not self.waiting.empty() and sum(n for n, *_ in batch) < MAX_IMAGES:
                batch.append(self.waiting.get())
            counts, inputs, futures = zip(*batch, strict=True)
            try:
                joined = {name: tf.constant(np.concatenate([each[name] for each in inputs])) for name in inputs[0]}
                (images,) = (each.numpy() for each in self.model.signatures["serving_default"](**joined).values())
                for future, drawn in zip(futures, np.split(images, np.cumsum(counts)[:-1]), strict=True):
                    future.set_result(drawn)
            except Exception as error:  # a batch that fails must not end the thread
                _ = [future.set_exception(error) for future in futures]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1  # connections stay open; an answer is sent in one piece

    def do_GET(self):
        status, kind, body = self.answer(urllib.parse.urlsplit(self.path))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, url):
        if url.path != "/images":
            return 200 if url.path == "/" else 404, "application/json", json.dumps(self.server.sampler.card).encode()
        try:
            images = self.server.sampler.sample(**{key: int(text) for key, text in urllib.parse.parse_qsl(url.query)})
        except (ValueError, TypeError, queue.Full) as error:  # out of range or no number, an unknown name, too busy
            return 503 if isinstance(error, queue.Full) else 400, "text/plain", f"{error}\n".encode()
        strip = np.clip(np.rint((np.concatenate(images, axis=1) + 1) * 127.5), 0, 255).astype("uint8")
        return 200, "image/png", tf.io.encode_png(strip).numpy()


with http.server.ThreadingHTTPServer(("127.0.0.1", int([*sys.argv, 8000][2])), Handler) as server:
    server.socket.listen(128)  # so many connections may wait; the default is 5
    server.sampler = Sampler(sys.argv[1])
    print(f"http://127.0.0.1:{server.server_port}/images?n=4&seed=7", flush=True)
    server.serve_forever()
