"""The benchmarks are scripts in a folder of their own, which the tests here import."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))
