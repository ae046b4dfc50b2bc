"""Writes a random-weight GLM-OCR model directory in the Hugging Face layout, and the pictures of its request.

    python tools/parity/make_model.py CASE OUT_DIR [--starter models/starter]

OUT_DIR gets config.json, generation_config.json, preprocessor_config.json, tokenizer.json, tokenizer_config.json,
chat_template.jinja, model.safetensors (or shards with an index), image_N.png and request.json (images, prompt, new_tokens).
Weights are scaled so that activations keep unit size through the depth and the logits spread over several units, as in a
trained model: errors then show at their true relative size and argmax is rarely a tie. Everything follows from the case's seed.
"""

import argparse
import json
import math
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import save_file

from configs import CASES, Case

REPO = Path(__file__).resolve().parents[2]
PATCH, TEMPORAL, MERGE, CHANNELS = 14, 2, 2, 3
# Size of each linear's output for inputs of unit size. qkv is larger so that attention is peaked rather than uniform; the
# merger's product of two gates is small, and its output must match the embeddings that it replaces.
GAINS = {"q_proj": 1.6, "k_proj": 1.2, "qkv": 1.3, "merger.down_proj": 4.0, "mlp.down_proj": 2.0,
         "lm_head": 3.0, "shared_head.head": 3.0}


def tensor_shapes(case: Case, vocab: int) -> dict[str, tuple]:
    """Name -> shape of every tensor of the checkpoint, spec order: vision, text, MTP, head."""
    t, v = case.text, case.vision
    c, out = v.hidden, t.hidden
    shapes = {"patch_embed.proj.weight": (c, CHANNELS, TEMPORAL, PATCH, PATCH), "patch_embed.proj.bias": (c,)}
    for i in range(v.depth):
        b = f"blocks.{i}."
        shapes |= {b + "norm1.weight": (c,), b + "norm2.weight": (c,),
                   b + "attn.qkv.weight": (3 * c, c), b + "attn.qkv.bias": (3 * c,),
                   b + "attn.q_norm.weight": (c // v.heads,), b + "attn.k_norm.weight": (c // v.heads,),
                   b + "attn.proj.weight": (c, c), b + "attn.proj.bias": (c,)}
        for name, shape in (("gate_proj", (v.intermediate, c)), ("up_proj", (v.intermediate, c)),
                            ("down_proj", (c, v.intermediate))):
            shapes |= {f"{b}mlp.{name}.weight": shape, f"{b}mlp.{name}.bias": shape[:1]}
    wide = out * CHANNELS  # transformers' merger width; never the text's intermediate size
    shapes |= {"post_layernorm.weight": (c,),
               "downsample.weight": (out, c, MERGE, MERGE), "downsample.bias": (out,),
               "merger.proj.weight": (out, out),
               "merger.post_projection_norm.weight": (out,), "merger.post_projection_norm.bias": (out,),
               "merger.gate_proj.weight": (wide, out), "merger.up_proj.weight": (wide, out),
               "merger.down_proj.weight": (out, wide)}
    shapes = {"model.visual." + k: s for k, s in shapes.items()}
    lm = "model.language_model."
    shapes[lm + "embed_tokens.weight"] = (vocab, out)
    for i in range(t.layers + t.mtp_layers):
        b = f"{lm}layers.{i}."
        shapes |= {b + n + ".weight": (out,) for n in ("input_layernorm", "post_self_attn_layernorm",
                                                       "post_attention_layernorm", "post_mlp_layernorm")}
        shapes |= {b + "self_attn.q_proj.weight": (t.heads * t.head_dim, out),
                   b + "self_attn.k_proj.weight": (t.kv_heads * t.head_dim, out),
                   b + "self_attn.v_proj.weight": (t.kv_heads * t.head_dim, out),
                   b + "self_attn.o_proj.weight": (out, t.heads * t.head_dim),
                   b + "mlp.gate_up_proj.weight": (2 * t.intermediate, out),
                   b + "mlp.down_proj.weight": (out, t.intermediate)}
        if i >= t.layers:
            shapes |= {b + "enorm.weight": (out,), b + "hnorm.weight": (out,), b + "shared_head.norm.weight": (out,),
                       b + "eh_proj.weight": (out, 2 * out)}
            if case.mtp_tables != "none":
                shapes |= {b + "embed_tokens.weight": (vocab, out), b + "shared_head.head.weight": (vocab, out)}
    shapes |= {lm + "norm.weight": (out,), "lm_head.weight": (vocab, out)}
    return shapes


def random_tensor(name: str, shape: tuple, rng: np.random.Generator) -> np.ndarray:
    """fp32 values for one tensor; the kind follows from its name and rank."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if name.endswith("bias"):
        return 0.3 * noise
    if len(shape) == 1:
        # The draft layer's own norm varies much, so that recycling the hidden before it instead of after it changes drafts.
        return 1 + (0.6 if "shared_head" in name else 0.2) * np.clip(noise, -3, 3)
    if name.endswith("embed_tokens.weight"):
        return noise
    gain = next((g for k, g in GAINS.items() if k in name), 1.0)
    return noise * np.float32(gain / math.sqrt(math.prod(shape[1:])))


def weights(case: Case, vocab: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(case.seed)
    dtype = getattr(torch, case.dtype)
    tensors = {}
    for name, shape in tensor_shapes(case, vocab).items():
        tensors[name] = torch.from_numpy(np.ascontiguousarray(random_tensor(name, shape, rng))).to(dtype)
    if case.mtp_tables == "copy":
        for i in range(case.text.layers, case.text.layers + case.text.mtp_layers):
            b = f"model.language_model.layers.{i}."
            tensors[b + "embed_tokens.weight"] = tensors["model.language_model.embed_tokens.weight"].clone()
            tensors[b + "shared_head.head.weight"] = tensors["lm_head.weight"].clone()
    return tensors


def shrink_tokenizer(tokenizer: dict, kept: int) -> dict:
    """Keeps the first `kept` entries of the BPE vocabulary and moves the special tokens down behind them."""
    model = tokenizer["model"]
    ids = {tok: i for tok, i in model["vocab"].items() if i < kept}
    special = sorted(tokenizer["added_tokens"], key=lambda a: a["id"])
    for i, added in enumerate(special):
        added["id"] = len(ids) + i
    model["merges"] = [m for m in model["merges"] if m[0] + m[1] in ids]
    model["vocab"] = ids
    return tokenizer


def config_json(case: Case, special: dict[str, int], vocab: int) -> dict:
    t, v = case.text, case.vision
    eos = [special["<|endoftext|>"], special["<|user|>"]]
    return dict(
        architectures=["GlmOcrForConditionalGeneration"], model_type="glm_ocr", dtype=case.dtype,
        tie_word_embeddings=False,
        image_start_token_id=special["<|begin_of_image|>"], image_end_token_id=special["<|end_of_image|>"],
        video_start_token_id=special["<|begin_of_video|>"], video_end_token_id=special["<|end_of_video|>"],
        image_token_id=special["<|image|>"], video_token_id=special["<|video|>"],
        text_config=dict(
            model_type="glm_ocr_text", vocab_size=vocab, hidden_size=t.hidden, num_hidden_layers=t.layers,
            num_nextn_predict_layers=t.mtp_layers, num_attention_heads=t.heads, num_key_value_heads=t.kv_heads,
            head_dim=t.head_dim, intermediate_size=t.intermediate, hidden_act="silu", rms_norm_eps=t.rms_eps,
            attention_bias=False, attention_dropout=0.0, max_position_embeddings=131072, pad_token_id=eos[0],
            eos_token_id=eos, dtype=case.dtype,
            rope_parameters=dict(rope_type="default", rope_theta=t.rope_theta, partial_rotary_factor=1.0,
                                 mrope_section=list(t.sections))),
        vision_config=dict(
            model_type="glm_ocr_vision", depth=v.depth, hidden_size=v.hidden, num_heads=v.heads,
            intermediate_size=v.intermediate, hidden_act="silu", attention_bias=True, rms_norm_eps=v.rms_eps,
            patch_size=PATCH, temporal_patch_size=TEMPORAL, spatial_merge_size=MERGE, in_channels=CHANNELS,
            image_size=336, out_hidden_size=t.hidden, attention_dropout=0.0, hidden_dropout_prob=0.0))


def picture(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Gradients and shapes in strong, different colours: compresses well, has no symmetry, fills the value range."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    a = rng.integers(0, 256, 3)
    base = np.stack([(a[0] + 255 * x // width), (a[1] + 255 * y // height), (a[2] + 3 * (x + 2 * y))], -1) % 256
    image = Image.fromarray(base.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x0, x1 = sorted(rng.integers(0, width + 1, 2).tolist())
        y0, y1 = sorted(rng.integers(0, height + 1, 2).tolist())
        draw.rectangle((x0, y0, x1, y1), outline=tuple(rng.integers(0, 256, 3).tolist()))
        draw.line((x0, y1, x1, y0), fill=tuple(rng.integers(0, 256, 3).tolist()), width=2)
    return image


def printed_line(width: int, height: int, text: str) -> Image.Image:
    """One line of black text on white, for models that can read."""
    image = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(size=0.75 * height)
    ImageDraw.Draw(image).text((0.7 * height, height / 2), text, "black", font, anchor="lm")
    return image


def write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def save_weights(tensors: dict, out: Path, shards: int) -> None:
    if shards == 1:
        save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map = list(tensors), {}
    for s in range(shards):  # dealt out in turn, so that every layer spans files
        part, file = names[s::shards], f"model-{s + 1:05}-of-{shards:05}.safetensors"
        save_file({n: tensors[n] for n in part}, out / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    write_json(out / "model.safetensors.index.json", dict(metadata=dict(total_size=total), weight_map=weight_map))


def write_request(case: Case, out: Path) -> None:
    rng, names = np.random.default_rng(1000 + case.seed), []
    for i, (w, h) in enumerate(case.images):
        names.append(f"image_{i}.png")
        image = printed_line(w, h, case.line) if case.line else picture(w, h, rng)
        image.save(out / names[-1], optimize=True)
    write_json(out / "request.json", dict(images=names, prompt=case.prompt, new_tokens=case.new_tokens))


def make_model(case: Case, out: Path, starter: Path) -> None:
    """Writes the model directory of `case` to `out`, which is created."""
    out.mkdir(parents=True, exist_ok=True)
    write_request(case, out)
    if case.source == "starter":
        for f in starter.iterdir():
            shutil.copyfile(f, out / f.name)
        return
    tokenizer = json.loads((starter / "tokenizer.json").read_text())
    if case.kept_tokens:
        tokenizer = shrink_tokenizer(tokenizer, case.kept_tokens)
    special = {a["content"]: a["id"] for a in tokenizer["added_tokens"]}
    vocab = max(special.values()) + 1 + case.vocab_padding
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        shutil.copyfile(starter / name, out / name)
    config = config_json(case, special, vocab)
    write_json(out / "config.json", config)
    text = config["text_config"]
    write_json(out / "generation_config.json",
               dict(do_sample=False, eos_token_id=text["eos_token_id"], pad_token_id=text["pad_token_id"]))
    write_json(out / "preprocessor_config.json", dict(
        size=dict(shortest_edge=case.shortest_edge, longest_edge=case.longest_edge), do_rescale=True,
        patch_size=PATCH, temporal_patch_size=TEMPORAL, merge_size=MERGE,
        image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711],
        image_processor_type="Glm46VImageProcessor", processor_class="Glm46VProcessor"))
    save_weights(weights(case, vocab), out, case.shards)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("case", choices=CASES)
    parser.add_argument("out", type=Path)
    parser.add_argument("--starter", type=Path, default=REPO / "models/starter", help="where the tokenizer comes from")
    args = parser.parse_args()
    make_model(CASES[args.case], args.out, args.starter)


if __name__ == "__main__":
    main()
