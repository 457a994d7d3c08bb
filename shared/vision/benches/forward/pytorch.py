"""PyTorch's side of the bench `forward`: DINOv2 in eager mode, one request a line on stdin.

    python3 pytorch.py BACKBONE.pth HEADS f32|bf16

The layers are those of facebookresearch/dinov2, with PyTorch's fused attention. The weights are mapped,
not copied, as far as the element type allows. Written to be as fast as plain eager code gets.
"""

import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional

PATCH = 14
GRID = 37
SIDE = 224
EPS = 1e-6


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(functional.gelu(self.fc1(x)))


class SwiGlu(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.w12 = nn.Linear(dim, 2 * hidden)
        self.w3 = nn.Linear(hidden, dim)

    def forward(self, x):
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(functional.silu(gate) * value)


class LayerScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, dim, heads, hidden, swiglu):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.attn = Attention(dim, heads)
        self.ls1 = LayerScale(dim)
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = (SwiGlu if swiglu else Mlp)(dim, hidden)
        self.ls2 = LayerScale(dim)

    def forward(self, x):
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, PATCH, PATCH)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Backbone(nn.Module):
    def __init__(self, dim, depth, heads, hidden, swiglu):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + GRID * GRID, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        self.patch_embed = PatchEmbed(dim)
        self.blocks = nn.ModuleList(Block(dim, heads, hidden, swiglu) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=EPS)

    def positions(self, side):
        dim = self.pos_embed.shape[-1]
        grid = self.pos_embed[:, 1:].float().reshape(1, GRID, GRID, dim).permute(0, 3, 1, 2)
        scale = (side // PATCH + 0.1) / GRID
        grid = functional.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
        patches = grid.permute(0, 2, 3, 1).reshape(1, -1, dim)
        return torch.cat([self.pos_embed[:, :1], patches.to(self.pos_embed.dtype)], dim=1)

    def forward(self, x):
        tokens = torch.cat([self.cls_token, self.patch_embed(x)], dim=1)
        tokens = tokens + self.positions(x.shape[-1])
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


def load(path, heads, dtype):
    state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    dim = state["cls_token"].shape[-1]
    depth = 1 + max(int(key.split(".")[1]) for key in state if key.startswith("blocks."))
    swiglu = "blocks.0.mlp.w12.weight" in state
    hidden = state["blocks.0.mlp.w3.weight" if swiglu else "blocks.0.mlp.fc2.weight"].shape[1]
    with torch.device("meta"):
        model = Backbone(dim, depth, heads, hidden, swiglu)
    model.load_state_dict(state, assign=True)
    return model.to(dtype).eval()


def picture(dtype):
    """The same values as on the other side, [1, 3, 224, 224]."""
    values = torch.arange(3 * SIDE * SIDE, dtype=torch.int64) * 2_654_435_761 % 8191
    return (values.float() / 4096.0 - 1.0).reshape(1, 3, SIDE, SIDE).to(dtype)


def answer(**fields):
    print(json.dumps(fields), flush=True)


@torch.inference_mode()
def main():
    path, heads, dtype = sys.argv[1:]
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[dtype]
    start = time.perf_counter()
    model = load(path, int(heads), dtype)
    x = picture(dtype)
    answer(
        load_s=time.perf_counter() - start,
        version=torch.__version__,
        threads=torch.get_num_threads(),
    )
    for line in sys.stdin:
        request, _, argument = line.strip().partition(" ")
        if request == "run":
            start, busy = time.perf_counter(), time.process_time()
            model(x)
            seconds = time.perf_counter() - start
            answer(seconds=seconds, cpu_s=time.process_time() - busy)
        elif request == "feature":
            model(x).float().contiguous().numpy().astype("<f4").tofile(argument)
            answer()
        elif request == "peak":
            answer(peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


main()
