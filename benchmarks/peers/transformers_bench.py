#!/usr/bin/env python3
"""Times transformers' GLM-OCR (published sizes, random weights) on the CPU, on the shapes of `glm-ocr bench --random glm-ocr-0.9b`.

    transformers_bench.py --dtype float32|bfloat16 [--threads 2] [--repeats 3] [--what vision448,vision1036,prefill,decode1,decode8]

Prints one JSON object a line: {"stage": ..., "best_s": ..., "items": ...}, stages named as `glm-ocr bench` names them. Attention is torch's
scaled_dot_product_attention. Every output is checked to be finite and of the expected shape.
"""
import argparse
import json
import os
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
parser.add_argument("--threads", type=int, default=os.cpu_count())
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--steps", type=int, default=32)
parser.add_argument("--what", default="vision448,vision1036,prefill,decode1,decode8")
parser.add_argument("--tiny", action="store_true", help="one layer each, to try the script")
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
from transformers import DynamicCache, GlmOcrConfig, GlmOcrForConditionalGeneration  # noqa: E402

torch.set_num_threads(args.threads)
torch.set_grad_enabled(False)
torch.manual_seed(0)
DTYPE = getattr(torch, args.dtype)
PROMPT = 270


def build():
    text = dict(vocab_size=59392, hidden_size=1536, num_hidden_layers=1 if args.tiny else 16, num_nextn_predict_layers=1,
                num_attention_heads=16, num_key_value_heads=8, head_dim=128, intermediate_size=4608, hidden_act="silu",
                rms_norm_eps=1e-5, attention_bias=False, max_position_embeddings=131072, pad_token_id=59246,
                eos_token_id=[59246, 59253],
                rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=1.0, mrope_section=[16, 24, 24]))
    vision = dict(depth=1 if args.tiny else 24, hidden_size=1024, num_heads=16, intermediate_size=4096, hidden_act="silu",
                  attention_bias=True, rms_norm_eps=1e-5, patch_size=14, temporal_patch_size=2, spatial_merge_size=2,
                  in_channels=3, image_size=336, out_hidden_size=1536)
    config = GlmOcrConfig(text_config=text, vision_config=vision, image_token_id=59280, video_token_id=59281,
                          image_start_token_id=59256, image_end_token_id=59257, video_start_token_id=59258,
                          video_end_token_id=59259, tie_word_embeddings=False)
    config._attn_implementation = "sdpa"
    torch.set_default_dtype(DTYPE)
    with torch.device("meta"):
        model = GlmOcrForConditionalGeneration(config)
    model = model.to_empty(device="cpu")
    block = torch.empty(1 << 22, dtype=torch.float32).uniform_(-0.0346, 0.0346)  # standard deviation 0.02
    for name, parameter in model.named_parameters():
        flat = parameter.data.view(-1)
        if parameter.dim() > 1:
            for begin in range(0, flat.numel(), block.numel()):
                count = min(block.numel(), flat.numel() - begin)
                flat[begin:begin + count] = block[:count]
        else:
            flat.fill_(0 if name.endswith("bias") else 1)
    for name, module in model.named_modules():  # buffers that to_empty left undefined
        if hasattr(module, "inv_freq"):
            dim = 32 if "visual" in name else 128
            module.inv_freq = 1.0 / (10000.0 ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim))
            if hasattr(module, "original_inv_freq"):
                module.original_inv_freq = module.inv_freq.clone()
    return model.eval(), config


def report(stage, run, items):
    run()
    seconds = []
    for _ in range(args.repeats):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    print(json.dumps(dict(stage=stage, best_s=min(seconds), items=items)), flush=True)


def main():
    model, config = build()
    text = model.model.language_model
    what = args.what.split(",")

    def vision(width, height):
        grid = torch.tensor([[1, height // 14, width // 14]])
        n = int(grid.prod())
        pixels = torch.randn(n, 1176, dtype=DTYPE)

        def run():
            out = model.model.get_image_features(pixels, grid)
            out = getattr(out, "pooler_output", out)
            out = out[0] if isinstance(out, (tuple, list)) else out
            assert out.shape == (n // 4, 1536) and torch.isfinite(out.float()).all()
        report(f"vision {width}x{height}", run, n)

    tokens = torch.randint(0, 44000, (1, PROMPT + args.steps))

    def step(ids, cache):
        begin = cache.get_seq_length()
        positions = torch.arange(begin, begin + ids.shape[1]).expand(3, ids.shape[0], -1)
        hidden = text(input_ids=ids, position_ids=positions, past_key_values=cache, use_cache=True).last_hidden_state
        logits = model.lm_head(hidden[:, -1:])
        assert logits.shape == (ids.shape[0], 1, 59392)
        return logits

    if "vision448" in what:
        vision(448, 448)
    if "vision1036" in what:
        vision(1036, 728)
    if "prefill" in what:
        report(f"prefill {PROMPT}", lambda: step(tokens[:, :PROMPT], DynamicCache(config=config.text_config)), PROMPT)
    for batch in (1, 8):
        if f"decode{batch}" not in what:
            continue
        cache = DynamicCache(config=config.text_config)
        assert torch.isfinite(step(tokens[:, :PROMPT].expand(batch, -1), cache).float()).all()

        def run():
            for i in range(args.steps):
                step(tokens[:, PROMPT + i:PROMPT + i + 1].expand(batch, -1), cache)
            cache.crop(-args.steps)
            assert cache.get_seq_length() == PROMPT
        report(f"decode batch {batch}", run, batch * args.steps)


main()
