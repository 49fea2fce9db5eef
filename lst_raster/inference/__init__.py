"""Shipped and custom models, run with ONNX Runtime. The only home of onnxruntime."""
