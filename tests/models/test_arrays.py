"""Networks as functions of arrays."""

import numpy as np
import torch
from tiny_configs import TINY

from tcpformer.models import build, tcpformer
from tcpformer.models.arrays import answer_of


def test_answer_of_equals_the_network() -> None:
    config = tcpformer.Config(**TINY["tcpformer"])
    model = build(config).eval()
    x = np.random.default_rng(0).normal(size=(3, config.frames, 17, 3)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    found = answer_of(model)(x[::-1])  # of any layout in memory
    np.testing.assert_allclose(found, expected[::-1], atol=1e-6)
    assert found.dtype == np.float32
