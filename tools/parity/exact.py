"""Runs transformers' GLM-OCR in float64, and in float64 with the rounding errors of a plain fp32 kernel injected.

`exact(model)` is a context: inside it every parameter is widened to float64 for the duration of its module's forward (so the
memory cost is one module, also for the full-size model) and the four places where transformers insists on fp32 - RMSNorm, both
rotary tables, the vision rotation - compute in float64. The result is the truth that fp32 implementations are measured with.

`exact(model, chain_noise=seed)` adds to every matrix product what a sequential fp32 accumulation would add. A chain of K fused
multiply-adds makes one rounding per step, each of relative size at most u / sqrt(3) rms (u = 2^-24, uniform error in one ulp);
for products of independent signs the partial sums grow as sqrt(i), so the error of the sum has the standard deviation
    u / sqrt(3) * sqrt(K / 2) * || w o x ||_2                       (|| . ||_2 over the K products of that output)
Attention's value sums are chains over the keys and get the same treatment with K = number of keys and the output's own size.
torch's blocked sums are more accurate than this, so without this run a correct but plain kernel would look wrong.
"""

import contextlib
import math

import torch
from torch import nn
from transformers.models.glm_ocr import modeling_glm_ocr as glm

UNIT = 2.0**-24  # half an ulp of fp32, relative
WEIGHTED = (nn.Linear, nn.Conv2d, nn.Conv3d, nn.Embedding, nn.LayerNorm, glm.GlmOcrRMSNorm)


def rms_norm(self, x):
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def inverse_frequencies(theta: float, dim: int) -> torch.Tensor:
    return theta ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def text_rotary(self, x, position_ids):
    theta = self.config.rope_parameters["rope_theta"]
    angles = position_ids.expand(3, -1, -1)[..., None].double() * inverse_frequencies(theta, 2 * len(self.inv_freq))
    return self.recomposition_frequencies(angles.cos()), self.recomposition_frequencies(angles.sin())


def vision_rotary(self, x, position_ids):
    theta = self.config.rope_parameters["rope_theta"]
    angles = position_ids[..., None].double() * inverse_frequencies(theta, 2 * len(self.inv_freq))
    return self.recomposition_frequencies(angles.cos()), self.recomposition_frequencies(angles.sin())


def vision_rotate(q, k, cos, sin):
    cos, sin = cos.unsqueeze(-2), sin.unsqueeze(-2)
    return q * cos + glm.rotate_half(q) * sin, k * cos + glm.rotate_half(k) * sin


PATCHES = (
    (glm.GlmOcrRMSNorm, "forward", rms_norm),
    (glm.GlmOcrTextRotaryEmbedding, "forward", text_rotary),
    (glm.GlmOcrVisionRotaryEmbedding, "forward", vision_rotary),
    (glm, "apply_rotary_pos_emb_vision", vision_rotate),
)


def chain_error(module: nn.Module, x: torch.Tensor, y: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Rounding error of y = module(x) computed as fp32 chains; `module` holds float64 weights at this time."""
    w2 = module.weight.pow(2)
    if isinstance(module, nn.Linear):
        norm2 = nn.functional.linear(x.pow(2), w2)
    else:  # a convolution whose stride is its kernel: the same products as a linear
        conv = nn.functional.conv2d if isinstance(module, nn.Conv2d) else nn.functional.conv3d
        norm2 = conv(x.pow(2), w2, stride=module.stride)
    k = math.prod(module.weight.shape[1:])
    noise = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    return noise * norm2.sqrt() * (UNIT / math.sqrt(3) * math.sqrt(k / 2))


def rounding(x: torch.Tensor, rng: torch.Generator, chain: int = 2) -> torch.Tensor:
    """x with the error of `chain` fp32 additions (2: one operation and its store)."""
    noise = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    return x + noise * x.pow(2).mean(-1, keepdim=True).sqrt() * (UNIT / math.sqrt(3) * math.sqrt(chain / 2))


class Widen:
    """Forward hooks that hold a module's parameters in float64 only while it runs."""

    def __init__(self, rng: torch.Generator | None):
        self.rng, self.narrow = rng, {}

    def before(self, module, args):
        self.narrow[module] = {name: p.data for name, p in module.named_parameters(recurse=False)}
        for p in module.parameters(recurse=False):
            p.data = p.data.double()
        return tuple(a.double() if a.is_floating_point() else a for a in args)

    def after(self, module, args, out):
        if self.rng is not None and not isinstance(module, nn.Embedding):
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d)):
                out = out + chain_error(module, args[0], out, self.rng)
            out = rounding(out, self.rng)
        for name, data in self.narrow.pop(module).items():
            getattr(module, name).data = data
        return out


@contextlib.contextmanager
def exact(*models: nn.Module, chain_noise: int | None = None):
    """Float64 arithmetic for `models` (loaded in fp32) while the context is open."""
    rng = None if chain_noise is None else torch.Generator().manual_seed(chain_noise)
    widen, hooks = Widen(rng), []
    saved = [(owner, name, getattr(owner, name)) for owner, name, _ in PATCHES]
    attention = glm.ALL_ATTENTION_FUNCTIONS["sdpa"]

    def noisy_attention(module, query, key, value, *args, **kwargs):
        out, weights = attention(module, query, key, value, *args, **kwargs)
        return rounding(out, rng, chain=key.shape[2]), weights

    try:
        for owner, name, patched in PATCHES:
            setattr(owner, name, patched)
        if rng is not None:
            glm.ALL_ATTENTION_FUNCTIONS["sdpa"] = noisy_attention
        for model in models:
            for module in model.modules():
                if isinstance(module, WEIGHTED):
                    hooks += [module.register_forward_pre_hook(widen.before), module.register_forward_hook(widen.after)]
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for owner, name, original in saved:
            setattr(owner, name, original)
        glm.ALL_ATTENTION_FUNCTIONS["sdpa"] = attention
