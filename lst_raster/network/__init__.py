"""The coupled network: model, loss, training, calibration and export. The only home of torch and onnx."""
