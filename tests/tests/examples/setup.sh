# What readers of the pages have, made of random weights and rendered scenes. ROOT is the repository.

# Pictures.
splitsim scenes render --count 3 --seed 4 --out scenes
mkdir photos
cp scenes/000000.png room.png
cp scenes/000001.png hall.jpg
cp scenes/000000.png scenes/000001.png photos/

# Data sets, as they unpack.
mkdir -p data/val
cp scenes/000000.png data/val/a.png
cp scenes/000001.png data/val/b.png
printf 'a.png 1\nb.png 2\n' > data/val/labels.txt
cp data/val/labels.txt .
voc=data/VOC2012
mkdir -p $voc/JPEGImages $voc/SegmentationClass $voc/ImageSets/Segmentation
cp scenes/000000.png $voc/JPEGImages/a.jpg
cp scenes/000000.mask.png $voc/SegmentationClass/a.png
printf 'a\n' > $voc/ImageSets/Segmentation/val.txt
python3 - <<'END'
# A picture and its depth in millimetres, 640x480 as NYU's.
import os, struct, zlib

def png(path, depth, colour, row):
    chunk = lambda kind, data: (struct.pack(">I", len(data)) + kind + data
                                + struct.pack(">I", zlib.crc32(kind + data)))
    header = struct.pack(">IIBBBBB", 640, 480, depth, colour, 0, 0, 0)
    rows = zlib.compress((b"\0" + row) * 480)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))

os.makedirs("data/nyu")
rows = bytes(value % 256 for value in range(3 * 640))
png("photo.jpg", 8, 2, rows)
png("data/nyu/a.png", 8, 2, rows)
png("data/nyu/a.depth.png", 16, 0, b"".join(struct.pack(">H", 1000 + 5 * x + x % 3) for x in range(640)))
open("data/nyu/nyu_test.txt", "w").write("a.png a.depth.png 518.8\n")

# An input that is normalised already.
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }"
header += " " * (117 - len(header)) + "\n"
with open("x.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    file.write(b"".join(struct.pack("<f", (i % 97) / 48 - 1) for i in range(3 * 224 * 224)))

# The benchmark's logs, complete.
log = ""
for quality in range(2, 22, 2):
    log += f"hm trained_hybrid uniform0_bitdepth10 QP {quality}\n"
    for name in range(100):
        log += (f"ILSVRC2012_val_{name:08}.npy {1 + (name * quality) % 7} {0.001 * quality * (name + 1):.8f}"
                f" {1 - 0.001 * quality * (name % 9):.4f} {1 - 0.002 * quality * (name % 5):.4f}\n")
open("hm_trained_hybrid_eval_cls_all.txt", "w").write(log)
END
mkdir accuracy_log cfqa_dataset
cp hm_trained_hybrid_eval_cls_all.txt accuracy_log/

# A trace as Mahimahi's.
splitsim link trace --kind lte-drive --seconds 120 --format mahimahi --out Verizon-LTE-short.up

# A trace in other units.
printf '0 1200\n1000 3400\n2000 800\n' > oboe.txt

# Trained levels of a hyperprior, as CompressAI saves them.
for name in cls_0.0016 cls_0.015 multi; do
    cp "$ROOT/shared/hyperprior/tests/golden/hyperprior.pth.tar" $name.pth.tar
done

# Trainings of a few steps, in place of those that the package's configurations ask for.
cat > mine.toml <<'END'
seed = 1
depth-bins = 16
depth-range-m = [0.001, 10.0]
scenes = { seed = 1, count = 8 }
held-out = { seed = 2, count = 2 }
weight-decay = 0.05
clip-norm = 1.0
checkpoint-every = 2
evaluate-every = 4
bf16 = false

[architecture]
embed-dim = 48
depth = 4
heads = 3
patch = 14
feed-forward = "mlp"
registers = 0
position-grid = 16
position-interpolation = "scale-offset"

[[stages]]
side = 56
batch = 4
steps = 4
peak-learning-rate = 1e-3
warmup-steps = 1
horizon = 40
crop = [0.5, 1.0]
soft-iou = 0.5
END
cp mine.toml models/tiny-scenes/train.toml
for kind in hyperprior hyperprior-task; do
    cat > models/tiny-scenes/codecs/$kind.train.toml <<'END'
seed = 1
levels = [{ lambda = 0.01, n = 4, m = 8 }]
patch = 64
batch = 1
first-steps = 2
steps = 2
learning-rate = 1e-3
auxiliary-learning-rate = 1e-2
clip-norm = 1.0
validate-every = 2
patience = 1
factor = 0.5
least-learning-rate = 1e-4
END
done

# models/vitg: the released files, imported, with ranges and codebooks.
splitsim model import --template dinov2-vitg14.toml --out models/vitg --name vitg \
    --backbone dinov2_vitg14_pretrain.pth --cls-head dinov2_vitg14_linear_head.pth \
    --seg-head dinov2_vitg14_voc2012_linear_head.pth --dpt-head dinov2_vitg14_nyu_linear4_head.pth
for task in cls seg dpt; do
    splitsim codec fit-codebook --model models/vitg --task $task --source folder:photos
    splitsim codec fit-codebook --model models/mine --task $task --source folder:photos
done

# A feature.
splitsim features extract --model tiny-scenes --task cls --images room.png --out features
cp features/room.npy f.npy
cp -r features originals
mkdir out
splitsim features extract --model models/mine --task seg --source scenes:4:2 --out out
