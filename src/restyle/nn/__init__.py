"""The networks, in PyTorch: perceptual encoder, style encoder, transformer, and their losses."""
