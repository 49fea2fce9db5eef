"""Trained models: their contract and their session. The only home of onnxruntime."""
