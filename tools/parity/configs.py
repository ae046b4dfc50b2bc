"""The configurations that the C++ model is compared on with `transformers`.

Each `Case` is one random-weight model plus one request (images, prompt, number of generated tokens). Together they vary
everything that the checkpoint format lets vary and that ports of this architecture got wrong: odd head counts, every GQA
ratio, head_dim that is not hidden / heads, uneven M-RoPE sections, several images, extreme aspect ratios, a padded
vocabulary, shards, fp32 checkpoints, MTP copies that differ from the main tables. Used by make_model.py (writes the model
directory), reference.py (runs transformers) and run.py (compares). `CASES` maps a name to its case.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """text_config. Defaults are a tiny model; `sections` are frequencies per axis (t, h, w), summing to head_dim / 2."""

    hidden: int = 32
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    intermediate: int = 56
    sections: tuple = (2, 3, 3)
    rope_theta: float = 10000.0
    rms_eps: float = 1e-5
    mtp_layers: int = 1


@dataclass(frozen=True)
class Vision:
    """vision_config. The head dimension is hidden / heads; glm-ocr takes multiples of 16."""

    hidden: int = 48
    depth: int = 2
    heads: int = 3
    intermediate: int = 40
    rms_eps: float = 1e-5


@dataclass(frozen=True)
class Case:
    """One model and one request.

    images: (width_px, height_px) of the generated pictures, in prompt order.
    kept_tokens: size of the byte-level BPE kept from the starter's tokenizer (256 = bytes only); 0 keeps all of it.
    vocab_padding: rows of the embedding above the tokenizer's size.
    mtp_tables: "copy" stores layers.N.embed_tokens / shared_head.head equal to the main tables, "own" stores different ones,
        "none" leaves them out (the starter does).
    """

    text: Text = field(default_factory=Text)
    vision: Vision = field(default_factory=Vision)
    images: tuple = ((84, 56),)
    prompt: str = "Text Recognition:"
    new_tokens: int = 6
    dtype: str = "bfloat16"
    kept_tokens: int = 264
    vocab_padding: int = 0
    shards: int = 1
    mtp_tables: str = "copy"
    shortest_edge: int = 1568
    longest_edge: int = 2 * 28 * 28 * 60
    seed: int = 1
    golden: bool = False  # committed under tests/golden/models
    full: bool = False  # only with --full: gigabytes and minutes
    source: str = ""  # a finished model directory to copy instead of making one: "starter"
    line: str = ""  # text to print on the first picture


CASES = {
    # One image, every default: the first thing to get right.
    "tiny": Case(golden=True),
    # heads == kv_heads, 3 heads of 32 in a hidden size of 40 that they do not divide; 5 vision heads.
    "gqa1_hd32": Case(
        Text(hidden=40, heads=3, kv_heads=3, head_dim=32, sections=(4, 6, 6), intermediate=56),
        Vision(hidden=80, heads=5, intermediate=52), images=((56, 112),), mtp_tables="own", seed=2, golden=True),
    # GQA 3 with 7 vision heads of 16; the sections put most frequencies on t; other eps and rope base than published.
    "gqa3_hd16": Case(
        Text(hidden=40, heads=6, kv_heads=2, head_dim=16, sections=(5, 1, 2), intermediate=56, rms_eps=1e-6,
             rope_theta=500000.0),
        Vision(hidden=112, depth=1, heads=7, intermediate=64, rms_eps=1e-6), images=((112, 84),), seed=3, golden=True),
    # One kv head for 4; head_dim 64; vision heads of 48.
    "gqa4_hd64": Case(
        Text(hidden=72, heads=4, kv_heads=1, head_dim=64, sections=(16, 8, 8), intermediate=104),
        Vision(hidden=144, heads=3, intermediate=88), images=((140, 84),), seed=4),
    # GQA 8, the published head_dim 128 and sections, vision heads of 64.
    "gqa8_hd128": Case(
        Text(hidden=64, heads=8, kv_heads=1, head_dim=128, sections=(16, 24, 24), intermediate=72),
        Vision(hidden=192, heads=3, intermediate=100), images=((112, 112),), seed=5),
    # Vision heads of 80 (five times 16 lanes) and a single text head.
    "vision_hd80": Case(
        Text(hidden=32, heads=1, kv_heads=1, head_dim=32, sections=(6, 5, 5), intermediate=64),
        Vision(hidden=240, heads=3, intermediate=136), images=((84, 84),), seed=6),
    # Two images of different shape: separate attention segments, two image runs in the position ids, expansion of both.
    "two_images": Case(images=((84, 56), (56, 140)), mtp_tables="own", seed=7, golden=True),
    # Three images, the smallest possible among them.
    "three_images": Case(images=((56, 56), (28, 28), (112, 56)), mtp_tables="none", seed=8, golden=True),
    # One row of 30 windows, then one column.
    "strip": Case(images=((840, 28), (28, 840)), seed=9, golden=True),
    # The processor has to resize: upscale a speck, shrink a large page, sides that are no multiples of 28.
    "resized": Case(images=((17, 9), (341, 263), (42, 70)), longest_edge=2 * 28 * 28 * 30, seed=10, golden=True),
    # Many thin layers: errors accumulate here first.
    "deep_narrow": Case(
        Text(hidden=32, layers=14, heads=2, kv_heads=1, head_dim=16, intermediate=48),
        Vision(hidden=32, depth=10, heads=2, intermediate=40), images=((84, 84),), seed=11),
    # No image at all; an engine must answer text.
    "text_only": Case(vision=Vision(hidden=32, depth=1, heads=2), images=(), prompt="Hello, what is 123456 + 7?\nNothing.", new_tokens=8, seed=12, golden=True),
    # No MTP layer: nothing of it may be required.
    "no_mtp": Case(Text(mtp_layers=0), seed=13, golden=True),
    # About 1,500 prompt tokens, 960 of them of one image.
    "long_prompt": Case(
        Text(hidden=64, heads=4, kv_heads=2, head_dim=32, sections=(4, 6, 6)), Vision(hidden=64, heads=4),
        images=((1120, 672),), prompt=" ".join(str(i * 7919 % 1000) for i in range(140)),
        longest_edge=2 * 28 * 28 * 1000, seed=14),
    # Weights over three files with an index.
    "sharded": Case(shards=3, seed=15, golden=True),
    # A checkpoint in fp32.
    "fp32": Case(dtype="float32", seed=16),
    # The whole tokenizer, and 6 rows above it: 1030 is no multiple of 16.
    "padded_vocab": Case(kept_tokens=0, vocab_padding=6, seed=17),
    # The model that ships with the project.
    "starter": Case(source="starter", images=((308, 28),), line="Invoice 2024-117 of 12 May", new_tokens=16, kept_tokens=0),
    # Published sizes, random weights, and a vocabulary of 59,392 rows over the starter's tokenizer.
    "full": Case(
        Text(hidden=1536, layers=16, heads=16, kv_heads=8, head_dim=128, intermediate=4608, sections=(16, 24, 24)),
        Vision(hidden=1024, depth=24, heads=16, intermediate=4096), images=((224, 112),), new_tokens=4,
        kept_tokens=0, vocab_padding=59392 - 1024, shortest_edge=12544, longest_edge=9633792, seed=18, full=True),
}
