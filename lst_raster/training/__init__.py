"""The coupled network: loss, training loop, export to ONNX. The only home of torch and onnx."""
