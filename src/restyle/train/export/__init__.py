"""Export: the trained networks as ONNX files that run without PyTorch."""
