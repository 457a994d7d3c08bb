"""Writes the JPEGs of `pictures/jpeg`, what Pillow makes of them, and its verdicts on damaged ones.

    pip install pillow==13.0.0 numpy==2.4.6 opencv-python-headless==5.0.0
    python pictures.py

OpenCV writes the two samplings that Pillow does not write. Pillow alone says what is expected; `digests.txt` has
what either library reads, for files that are there already too:

    python pictures.py digests
"""

import hashlib
import io
import pathlib
import sys

import cv2
import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent / "pictures" / "jpeg"
# No multiple of any block or of any pair of blocks.
WIDTH, HEIGHT = 61, 43


def picture():
    """Waves, an edge and noise: smooth chroma, sharp chroma, and samples that leave 0 to 255 in between."""
    rng = np.random.default_rng(20261130)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = np.stack([127 + 120 * np.sin(x / 5), 127 + 120 * np.cos(y / 4), (9 * x + 5 * y) % 256], -1)
    waves[10:30, 20:40] = [255, 0, 30]
    return (waves + rng.normal(0, 25, waves.shape)).clip(0, 255).astype(np.uint8)


def pillow(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def opencv(samples, sampling):
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, 85, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    return cv2.imencode(".jpg", samples[..., ::-1], options)[1].tobytes()


def files():
    samples = picture()
    rgb = Image.fromarray(samples)
    inks = Image.fromarray(np.dstack([samples, 255 - samples[..., :1] // 2]), "CMYK")
    yield "444", pillow(rgb, quality=92, subsampling="4:4:4")
    yield "422", pillow(rgb, quality=85, subsampling="4:2:2")
    yield "420", pillow(rgb, quality=85, subsampling="4:2:0")
    yield "440", opencv(samples, "440")
    yield "411", opencv(samples, "411")
    yield "coarse", pillow(rgb, quality=5, subsampling="4:2:0")
    yield "progressive", pillow(rgb, quality=85, subsampling="4:2:0", progressive=True)
    yield "progressive-444", pillow(rgb, quality=100, subsampling="4:4:4", progressive=True)
    yield "restart", pillow(rgb, quality=85, subsampling="4:2:0", restart_marker_blocks=3)
    yield "grey", pillow(rgb.convert("L"), quality=85)
    yield "rgb", pillow(rgb, quality=85, keep_rgb=True)
    yield "cmyk", pillow(inks, quality=85)
    yield "narrow", pillow(Image.fromarray(samples[:, :1].copy()), quality=85, subsampling="4:2:0")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def damages(data):
    """Cases of damage: a word, its number and the bytes."""
    for percent in (98, 90, 50, 20, 1):
        yield "percent", percent, data[: len(data) * percent // 100]
    for tail in (1, 2, 3):
        yield "without", tail, data[:-tail]
    yield "followed", 12, data + b"12 bytes mor"
    for percent in (40, 60, 80):
        yield "flip", percent, flipped(data, len(data) * percent // 100)
    if data.startswith(b"\xff\xd8"):  # Pillow takes such PNGs too, black from there on: not followed.
        at = len(data) * 70 // 100
        yield "zeros", 70, data[:at] + bytes(len(data) - at)


def verdict(data):
    try:
        Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:
        return "refused"
    return "read"


def digest(rgb):
    """SHA-256 of `WIDTHxHEIGHT`, a line end, and the samples row by row."""
    height, width, _ = rgb.shape
    return hashlib.sha256(f"{width}x{height}\n".encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()


def digests():
    """A line per JPEG: its name and the digests of Pillow's and of OpenCV's samples."""
    for path in sorted(HERE.glob("*.jpg")):
        image = Image.open(path)
        ours = digest(np.asarray(image.convert("RGB")))
        # OpenCV converts four inks by a formula of its own.
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        theirs = "-" if image.mode == "CMYK" else digest(cv2.imread(str(path), flags)[..., ::-1])
        yield f"{path.name} {ours} {theirs}\n"


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    if sys.argv[1:] != ["digests"]:
        write_pictures()
    (HERE / "digests.txt").write_text("".join(digests()))


def write_pictures():
    png = io.BytesIO()
    Image.fromarray(picture()).save(png, "PNG")
    (HERE / "whole.png").write_bytes(png.getvalue())
    table = []
    for name, data in [(f"{name}.jpg", data) for name, data in files()] + [("whole.png", png.getvalue())]:
        path = HERE / name
        path.write_bytes(data)
        if path.suffix == ".jpg":
            Image.open(path).convert("RGB").save(path.with_suffix(".rgb.png"), optimize=True)
        table += [f"{name} {case} {number} {verdict(bad)}\n" for case, number, bad in damages(data)]
    (HERE / "verdicts.txt").write_text("".join(table))


main()
