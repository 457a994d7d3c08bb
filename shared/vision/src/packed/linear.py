"""Writes linear.pt, the TorchScript that `mod.rs` loads: python3 linear.py (PyTorch 2.13).

oneDNN's packed linear layer is an operator of libtorch that has no function in its C++ headers or in
tch; TorchScript can call it by name.
"""

from pathlib import Path

import torch
from torch import Tensor


class Linear(torch.nn.Module):
    def forward(self, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, w, b, "none", [], "")

    @torch.jit.export
    def pack(self, w: Tensor, rows: int) -> Tensor:
        return torch.ops.mkldnn._reorder_linear_weight(w, rows)


torch.jit.script(Linear().eval()).save(Path(__file__).with_suffix(".pt"))
