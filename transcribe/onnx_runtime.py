"""ONNX Runtime, kept from reporting what it runs; it is imported here and nowhere else.

From version 1.29 on its builds for Linux and macOS send its maker events about every network
that is loaded, with a number of the device, unless the environment says otherwise before it is
imported. What is transcribed here stays here, so it does. A program that has imported
ONNX Runtime before, or has set the variable itself, has decided for itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

onnxruntime.disable_telemetry_events()  # on Windows, where the variable says nothing

__all__ = ["onnxruntime"]
