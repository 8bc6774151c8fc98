"""A page on onnxruntime-web, which runs every layer that Keras exports to ONNX."""

import gzip
import pathlib
from collections.abc import Mapping

import numpy as np

from kerasgan import backend
from kerasgan.export import onnx_graph, place
from kerasgan.export.html import page
from kerasgan.export.network import Exported

LIBRARY, LOADER, KERNELS = "ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"
"""The files of the package that a page holds: its script, and the compiled runtime with its loader."""


def parts(exported: Exported, folder: str | None) -> page.Parts:
    """Returns the parts of a page.

    Args:
        exported: the generator.
        folder: the folder of the npm package `onnxruntime-web`.

    Raises:
        ValueError: if the files are not there.
        ImportError: if the packages that write ONNX are not installed.
    """
    files = {name: _file(folder, name) for name in (LIBRARY, LOADER, KERNELS)}
    place.check_choices("onnx", "generator", "float32", {})
    gan, model = exported.gan, backend.onnx_model(exported)
    onnx_graph.replace_unknown(model)
    described = {
        "latent_dim": gan.latent_dim,
        "image_shape": list(gan.image_shape),
        "num_classes": gan.num_classes,
        "loader": files[LOADER].read_text(encoding="utf-8"),
    }
    return page.Parts(
        described,
        model.SerializeToString(),
        gzip.compress(files[KERNELS].read_bytes(), mtime=0),
        ("base64.js", "onnx.js"),
        (files[LIBRARY].read_text(encoding="utf-8"),),
        allowed=" blob:",
    )


def _file(folder, name):
    path = pathlib.Path(folder or "node_modules/onnxruntime-web", "dist", name)
    if not path.is_file():
        raise ValueError(
            "runtime='onnx' takes the runtime from the npm package onnxruntime-web. Received: "
            f"onnxruntime_web={folder!r}, in which there is no dist/{name}. Install it with `npm install "
            "onnxruntime-web`, and give its folder: node_modules/onnxruntime-web"
        )
    return path


def images(read: page.Parts, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the images of a page's network, in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(read.weights, providers=["CPUExecutionProvider"])
    return session.run(None, dict(inputs))[0]
