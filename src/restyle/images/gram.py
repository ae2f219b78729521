"""Gram matrix: which channels are active together, wherever they are.

Reference: Gatys, Ecker and Bethge 2016, "Image Style Transfer Using Convolutional Neural Networks".
"""

from __future__ import annotations

from restyle.types import Array


def gram(features: Array) -> Array:
    """Compute ``G = F F^T / (H W)``.

    Differs from Gatys et al. 2016: divided by the number of positions here rather than in the loss, so that
    pictures of different sizes compare.

    Parameters
    ----------
    features : np.ndarray or torch.Tensor [shape=(..., C, H, W)]

    Returns
    -------
    [shape=(..., C, C)]
        Symmetric, positive semidefinite.

    Examples
    --------
    >>> import numpy as np
    >>> gram(np.ones((2, 4, 4)))
    array([[1., 1.],
           [1., 1.]])
    """
    height, width = features.shape[-2:]
    flat = features.reshape(*features.shape[:-2], height * width)
    return flat @ flat.swapaxes(-2, -1) / (height * width)
