"""PP-DocLayoutV3 in transformers: random models, and every stage of a page in float64, fp32 and float64 with the rounding errors of plain
fp32 chains injected (exact.py derives them; here they also apply to convolutions with overlapping windows).

Two choices of the network are discontinuous: which tokens become queries (top 300), and which pixels of a mask are positive (their bounding
box is the first reference box). `run(..., choices=...)` takes both from another run, so that what follows is comparable.
"""

import contextlib
import json
import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PPDocLayoutV3Config, PPDocLayoutV3ForObjectDetection, PPDocLayoutV3ImageProcessor
from transformers.models.pp_doclayout_v3 import modeling_pp_doclayout_v3 as hf

from exact import UNIT, rounding

# Of the committed golden: every width is unlike the others, several are no multiple of 16, the picture is not square.
SMALL = dict(
    size=(128, 96),  # height, width
    backbone_config=dict(
        model_type="hgnet_v2", stem_channels=[3, 8, 12], stage_in_channels=[12, 10, 18, 24], stage_mid_channels=[6, 8, 20, 12],
        stage_out_channels=[10, 18, 24, 34], stage_num_blocks=[1, 1, 2, 1], stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True], stage_kernel_size=[3, 3, 5, 5], stage_numb_of_layers=[2, 2, 2, 3],
        hidden_sizes=[10, 18, 24, 34], depths=[1, 1, 2, 1], out_features=["stage1", "stage2", "stage3", "stage4"]),
    encoder_in_channels=[18, 24, 34], encoder_hidden_dim=12, encoder_ffn_dim=20, encoder_attention_heads=3, encoder_layers=2,
    mask_feature_channels=[6, 10], x4_feat_dim=10, num_prototypes=5, d_model=20, num_queries=18, decoder_in_channels=[12, 12, 12],
    decoder_ffn_dim=28, decoder_n_points=2, decoder_layers=2, decoder_attention_heads=5, global_pointer_head_size=6)
PUBLISHED = dict(size=(800, 800))


def test_page(width: int, height: int, seed: int) -> Image.Image:
    """A page-like picture: white, dark bars of text, a box with noise."""
    rng = np.random.default_rng(seed)
    page = np.full((height, width, 3), 245, np.uint8)
    for y in range(height // 20, height - height // 12, max(4, height // 40)):
        x0, x1 = sorted(rng.integers(width // 20, width - width // 20, 2))
        page[y:y + max(2, height // 80), x0:x1] = rng.integers(0, 90, 3)
    h, w = height // 5, width // 4
    page[height // 2:height // 2 + h, width // 2:width // 2 + w] = rng.integers(0, 256, (h, w, 3))
    return Image.fromarray(page)


def calibrate(model: nn.Module, pixels: torch.Tensor, rng: torch.Generator) -> None:
    """Random statistics near those of the page, so that activations neither die nor grow, and random everything else."""
    uniform = lambda shape, low, high: torch.rand(shape, generator=rng) * (high - low) + low
    normal = lambda shape, std: torch.randn(shape, generator=rng) * std
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                fan = math.prod(module.weight.shape[1:])
                module.weight.copy_(normal(module.weight.shape, math.sqrt(1.5 / fan)))
                if module.bias is not None:
                    module.bias.copy_(normal(module.bias.shape, 0.2))
            elif isinstance(module, nn.LayerNorm):
                module.weight.copy_(uniform(module.weight.shape, 0.6, 1.4))
                module.bias.copy_(normal(module.bias.shape, 0.2))
        m = model.model
        # The first prototype is a constant that shifts every mask below zero but for its peaks, so that boxes differ.
        m.encoder.encoder_mask_output.conv.weight[0] = 0
        m.encoder.encoder_mask_output.conv.bias[0] = 1
        m.mask_query_head.layers[-1].weight[0] = 0
        # Random features are noise to the pixel, and deformable sampling follows boxes that follow samples: with strong branches the decoder
        # is chaotic and no two floating-point runs agree. So its branches, offsets and box steps are weak beside the residual path.
        for layer in m.decoder.layers:
            attention = layer.encoder_attn
            for branch in (layer.self_attn.o_proj, attention.output_proj, layer.mlp.fc2):
                branch.weight.mul_(0.3)
            attention.sampling_offsets.weight.mul_(0.05)
            attention.sampling_offsets.bias.copy_(normal(attention.sampling_offsets.bias.shape, 2.0))
        m.enc_bbox_head.layers[-1].weight.mul_(0.1)  # tied with the decoder's

        def measure(module, args):
            x = args[0]
            module.running_mean.copy_(x.mean((0, 2, 3)) + normal(module.running_mean.shape, 0.1) * x.std())
            module.running_var.copy_((x.var((0, 2, 3)) + 1e-3) * uniform(module.running_var.shape, 0.7, 1.4))
            module.weight.copy_(uniform(module.weight.shape, 0.6, 1.4))
            module.bias.copy_(normal(module.bias.shape, 0.3))

        norms = [x for x in model.modules() if isinstance(x, (nn.BatchNorm2d, hf.PPDocLayoutV3FrozenBatchNorm2d))]
        hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
        out = model(pixels)
        for hook in hooks:
            hook.remove()
        masks = out.out_masks
        m.mask_query_head.layers[-1].bias[0] -= masks.mean() + 2.5 * masks.std()


def make_model(path: Path, spec: dict, seed: int) -> None:
    """config.json, preprocessor_config.json, model.safetensors and page.png of a random model."""
    spec = dict(spec)
    height, width = spec.pop("size")
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    config = PPDocLayoutV3Config(num_labels=25, **spec)
    model = PPDocLayoutV3ForObjectDetection(config).eval()
    PPDocLayoutV3ImageProcessor(size=dict(height=height, width=width)).save_pretrained(path)
    page = test_page(3 * width // 2 + 7, 2 * height - 5, seed)
    page.save(path / "page.png")
    calibrate(model, pixels_of(path), torch.Generator().manual_seed(seed))
    model.save_pretrained(path)
    tensors = {k: v for k, v in load_file(path / "model.safetensors").items() if not k.endswith("num_batches_tracked")}
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "model.safetensors", metadata={"format": "pt"})


def pixels_of(path: Path) -> torch.Tensor:
    processor = PPDocLayoutV3ImageProcessor.from_pretrained(path)
    return processor(images=[Image.open(path / "page.png").convert("RGB")], return_tensors="pt")["pixel_values"]


def rows(x: torch.Tensor) -> np.ndarray:
    """[1, c, h, w] or [1, n, c] as [rows, c]."""
    return (x[0].flatten(1).T if x.dim() == 4 else x[0]).detach().double().numpy()


def order_pairs(logits: np.ndarray) -> np.ndarray:
    """The logits of i before j, i < j; the others are -10^4, which would hide everything else."""
    assert (np.tril(logits) == np.tril(np.full_like(logits, -1e4))).all()
    return np.triu(logits, 1)


def chain_error(module: nn.Module, x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    w2 = module.weight.double().pow(2)
    if isinstance(module, nn.Linear):
        norm2 = nn.functional.linear(x.pow(2), w2)
    else:
        norm2 = nn.functional.conv2d(x.pow(2), w2, stride=module.stride, padding=module.padding, groups=module.groups)
    k = math.prod(module.weight.shape[1:])
    noise = torch.randn(norm2.shape, generator=rng, dtype=torch.float64)
    return noise * norm2.clamp(min=0).sqrt() * (UNIT / math.sqrt(3) * math.sqrt(k / 2))


@contextlib.contextmanager
def chosen(model, choices):
    """Queries and first boxes as given."""
    topk, to_box = torch.topk, hf.mask_to_box_coordinate
    given = choices is not None
    try:
        if given:
            index = torch.tensor(choices["queries"])[None]
            torch.topk = lambda x, k, dim=-1: torch.return_types.topk((x.gather(dim, index), index))
            boxes = torch.tensor(choices["boxes"])[None]
            hf.mask_to_box_coordinate = lambda mask, dtype: boxes.to(dtype)
        yield
    finally:
        torch.topk, hf.mask_to_box_coordinate = topk, to_box


@torch.no_grad()
def run(model, pixels: torch.Tensor, choices=None, noise: int | None = None) -> dict[str, np.ndarray]:
    """Every stage that `glm-ocr trace --layout-model` writes, plus `mask_boxes`: the boxes of the positive pixels of the queries' masks."""
    m, stages, handles = model.model, {}, []
    rng = None if noise is None else torch.Generator().manual_seed(noise)

    def keep(name, module, pick=lambda y: y):
        handles.append(module.register_forward_hook(lambda mod, args, y: stages.__setitem__(name, rows(pick(y)))))

    if rng is not None:
        for module in model.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                handles.append(module.register_forward_hook(
                    lambda mod, args, y: rounding(y + chain_error(mod, args[0], rng), rng)))
            elif isinstance(module, (nn.LayerNorm, nn.BatchNorm2d, hf.PPDocLayoutV3FrozenBatchNorm2d)):
                handles.append(module.register_forward_hook(lambda mod, args, y: rounding(y, rng)))
            elif isinstance(module, hf.MultiScaleDeformableAttention):
                handles.append(module.register_forward_hook(lambda mod, args, y: rounding(y, rng, chain=48)))
            if isinstance(module, hf.PPDocLayoutV3SelfAttention):  # sums of values over the keys
                handles.append(module.o_proj.register_forward_pre_hook(lambda mod, args: (rounding(args[0], rng, chain=args[0].shape[1]),)))
    for i, stage in enumerate(m.backbone.model.encoder.stages):
        keep(f"backbone.stages.{i}", stage)
    for i in range(3):
        keep(f"encoder_input_proj.{i}", m.encoder_input_proj[i])
        keep(f"decoder_input_proj.{i}", m.decoder_input_proj[i])
    keep("encoder.aifi", m.encoder.aifi[0])
    for i in range(2):
        keep(f"encoder.fpn_blocks.{i}", m.encoder.fpn_blocks[i])
        keep(f"encoder.pan_blocks.{i}", m.encoder.pan_blocks[i])
    keep("encoder.mask_feature_head", m.encoder.mask_feature_head)
    keep("encoder.mask_feat", m.encoder.encoder_mask_output)
    keep("enc_output", m.enc_output)
    keep("enc_score_head", m.enc_score_head)
    keep("decoder_norm", m.decoder_norm)
    keep("mask_queries", m.mask_query_head)
    for i, layer in enumerate(m.decoder.layers):
        keep(f"decoder.layers.{i}", layer)
    to_box, boxes = hf.mask_to_box_coordinate, []
    with chosen(model, choices):
        inner = hf.mask_to_box_coordinate
        hf.mask_to_box_coordinate = lambda mask, dtype: boxes.append(to_box(mask, dtype)) or inner(mask, dtype)
        picked, topk = [], torch.topk

        def pick(x, k, dim=-1):
            picked.append(topk(x, k, dim=dim))
            return picked[-1]

        torch.topk = pick
        try:
            out = model(pixels.to(next(model.parameters()).dtype))
        finally:
            torch.topk, hf.mask_to_box_coordinate = topk, inner
    for handle in handles:
        handle.remove()
    stages["decoder_input_proj"] = np.concatenate([stages.pop(f"decoder_input_proj.{i}") for i in range(3)])
    stages["queries"] = picked[0].indices[0].numpy()
    stages["mask_boxes"] = rows(boxes[0])
    stages["reference_points"] = rows(out.init_reference_points.sigmoid())
    for i in range(len(m.decoder.layers)):
        stages[f"decoder.layers.{i}.boxes"] = rows(out.intermediate_reference_points[:, i])
    stages["logits"], stages["boxes"] = rows(out.logits), rows(out.pred_boxes)
    stages["order_logits"] = order_pairs(rows(out.order_logits))
    stages["masks"] = out.out_masks[0].flatten(1).double().numpy()
    return stages


def load(path: Path) -> nn.Module:
    return PPDocLayoutV3ForObjectDetection.from_pretrained(path, dtype=torch.float32).eval()


def measured(path: Path, draws: int = 2) -> tuple[dict, dict[str, dict[str, float]]]:
    """(truth, bounds): the stages in float64 and for each stage the bounds that docs/parity.md derives."""
    pixels = pixels_of(path)
    single = load(path)
    exact = load(path).double()
    truth = run(exact, pixels)
    choices = dict(queries=truth["queries"], boxes=truth["mask_boxes"])
    others = [run(single, pixels, choices)]
    others += [run(exact, pixels, choices, noise=seed) for seed in range(draws)]
    bounds = {}
    for name, value in truth.items():
        if name in ("queries", "mask_boxes"):
            continue
        errors = [np.abs(other[name] - value) for other in others]
        stored = 2 * UNIT * float(np.abs(value).max())
        bounds[name] = dict(max=4 * max(float(e.max()) for e in errors) + stored,
                            rms=2 * max(float(np.sqrt((e * e).mean())) for e in errors) + stored)
    truth["pixel_values"] = rows(pixels)
    bounds["pixel_values"] = dict(max=0.0, rms=0.0)
    return truth, bounds
