"""Training of networks, on a CPU, a GPU, or several under torchrun."""
