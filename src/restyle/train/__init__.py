"""Training: the recipes that make restyle's weights, on one CPU, one GPU, or many through torchrun."""
