"""CompressAI's side of the bench `compressai`: one request a line on stdin, a JSON object a line back."""

import json
import sys
import time
import warnings

import torch
from torch.nn import functional

import compressai
from compressai.models import ScaleHyperprior
from compressai.models.utils import conv, deconv

warnings.filterwarnings("ignore")


def answer(**fields):
    print(json.dumps(fields), flush=True)


def network(n, m, path):
    torch.manual_seed(1)
    net = ScaleHyperprior(n, m)
    net.g_a[0] = conv(1, n)
    net.g_s[-1] = deconv(n, 1)
    # At first weights latents would all be zero: give them the spread of trained ones.
    y = net.g_a(pad(picture(257, 192)))
    net.g_a[-1].weight *= 3 / y.std()
    net.g_a[-1].bias.zero_()
    net.h_s[-2].bias.fill_(2.5)
    net.update(force=True)
    torch.save({"epoch": 0, "state_dict": net.state_dict()}, path)
    return net.eval()


def picture(rows, columns):
    r = torch.arange(rows)[:, None]
    c = torch.arange(columns)[None, :]
    symbols = (2 * r + 3 * c + r * c % 23 + 7 * (r // 9)) % 256
    return (symbols.float() / 256)[None, None]


def pad(x):
    rows, columns = -x.shape[2] % 64, -x.shape[3] % 64
    left, top = columns // 2, rows // 2
    return functional.pad(x, (left, columns - left, top, rows - top))


def code(net, x):
    start = time.perf_counter()
    coded = net.compress(pad(x))
    middle = time.perf_counter()
    net.decompress(coded["strings"], coded["shape"])
    end = time.perf_counter()
    size = sum(len(string) for strings in coded["strings"] for string in strings)
    answer(encode=middle - start, decode=end - middle, bytes=size)


@torch.no_grad()
def main():
    answer(version=compressai.__version__, threads=torch.get_num_threads())
    for line in sys.stdin:
        request, *arguments = line.split()
        if request == "network":
            net = network(int(arguments[0]), int(arguments[1]), arguments[2])
            answer()
        elif request == "picture":
            x = picture(int(arguments[0]), int(arguments[1]))
            answer()
        elif request == "code":
            code(net, x)


main()
