"""Plants the known bugs of other engines into the oracle and shows that the goldens' bounds reject each of them.

    python tools/parity/mutants.py [MUTANT ...]

For every mutant: the float64 truth of a golden is computed again with the bug, and compared as glm-ocr's trace would be. Prints the
first stage that is out of bounds and by how much. Exit status 1 when a mutant survives, i.e. when a golden proves nothing.
A comparison that cannot fail is no test; this is the proof that these can.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import torch
from torch import nn
from transformers.models.glm_ocr import modeling_glm_ocr as glm

import exact
import reference
from compare import bounds, compare
from make_goldens import GOLDENS
from reference import Request, Tracer, request_of, trace


@dataclass(frozen=True)
class Mutant:
    """`plant(tracer, request, stack)` puts the bug in; what it pushes on the stack is undone afterwards."""

    row: str  # of the specification's table of known bugs, "" for others
    golden: str
    plant: Callable
    compute: str = "f32"


def swap(stack, owner, name, value):
    stack.enter_context(mock.patch.object(owner, name, value))


def scale_to(parameter: torch.Tensor, value: torch.Tensor, stack) -> None:
    """Replaces a parameter's values until the stack closes."""
    saved = parameter.data
    stack.callback(lambda: setattr(parameter, "data", saved))
    parameter.data = value


def patch_order(t, r, s):  # time before channel in the linear form of the patch convolution
    w = t.model.model.visual.patch_embed.proj.weight
    scale_to(w, w.data.transpose(1, 2).reshape(w.shape).contiguous(), s)


def mean_norm(self, x):
    return exact_rms(self, x - x.mean(-1, keepdim=True))


exact_rms = exact.rms_norm


def blocks_layer_norm(t, r, s):
    for block in t.model.model.visual.blocks:
        for norm in (block.norm1, block.norm2):
            swap(s, norm, "forward", mean_norm.__get__(norm))


def merger_rms_norm(t, r, s):
    norm = t.model.model.visual.merger.post_projection_norm
    def forward(x):
        return norm.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.eps) + norm.bias
    swap(s, norm, "forward", forward)


def no_downsample_bias(t, r, s):
    b = t.model.model.visual.downsample.bias
    scale_to(b, torch.zeros_like(b), s)


def tanh_gelu(t, r, s):
    swap(s, t.model.model.visual.merger, "act1", nn.GELU("tanh"))


def layer_norm_eps(t, r, s):  # the text's rms_norm_eps instead of LayerNorm's own 1e-5
    swap(s, t.model.model.visual.merger.post_projection_norm, "eps", 1e-6)


def default_rms_eps(t, r, s):
    for m in t.model.modules():
        if isinstance(m, glm.GlmOcrRMSNorm):
            swap(s, m, "variance_epsilon", 1e-5)


def raster_positions(t, r, s):
    def ids(grid, merge, **_):
        rows = [torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"), -1).reshape(-1, 2)
                for _, h, w in grid.tolist()]
        return torch.cat(rows)
    swap(s, glm, "get_vision_position_ids", ids)


def raster_patches(t, r, s):
    rows = []
    for (_, h, w), part in zip(r.grid.tolist(), r.pixel_values.split(r.grid.prod(-1).tolist())):
        rows.append(part.view(h // 2, w // 2, 2, 2, -1).transpose(1, 2).reshape(h * w, -1))
    r.pixel_values = torch.cat(rows)


def one_segment(t, r, s):
    def lengths(grid, config, **_):
        n = int(grid.prod(-1).sum())
        return torch.tensor([0, n], dtype=torch.int32), n
    swap(s, glm, "get_vision_attention_seqlens", lengths)


def swapped_axes(t, r, s):
    old = exact.vision_rotary
    swap(s, glm.GlmOcrVisionRotaryEmbedding, "forward", lambda self, x, ids: old(self, x, ids.flip(-1)))


def positions_1d(t, r, s):
    n = r.ids.shape[1]
    swap(s, r, "positions", lambda model: (torch.arange(n).expand(3, 1, n), 0))


def no_rope_delta(t, r, s):
    old = r.positions
    swap(s, r, "positions", lambda model: (old(model)[0], 0))


def half_split(t, r, s):
    def rotate(x):
        return glm.rotate_half(x)
    def tables(self, f):
        f = torch.cat([m[i % 3] for i, m in enumerate(f.split(self.mrope_section, dim=-1))], dim=-1)
        return torch.cat([f, f], -1)
    swap(s, glm, "rotate_half_llm", rotate)
    swap(s, glm.GlmOcrTextRotaryEmbedding, "recomposition_frequencies", tables)


def interleaved_sections(t, r, s):  # axes dealt out in turn instead of contiguous sections
    def tables(self, f):
        i = torch.arange(f.shape[-1])
        return torch.stack([f[a % 3][..., k] for k, a in enumerate((i % 3).tolist())], -1).repeat_interleave(2, -1)
    swap(s, glm.GlmOcrTextRotaryEmbedding, "recomposition_frequencies", tables)


def proportional_sections(t, r, s):  # sections guessed from head_dim, as 16 : 24 : 24, instead of read
    half = t.config.text_config.head_dim // 2
    swap(s, t.lm.rotary_emb, "mrope_section", [half // 4, half * 3 // 8, half * 3 // 8])


def head_dim_guess(t, r, s):  # softmax scale from hidden / heads
    c = t.config.text_config
    for m in t.model.modules():
        if isinstance(m, glm.GlmOcrTextAttention):
            swap(s, m, "scaling", (c.hidden_size / c.num_attention_heads) ** -0.5)


def modulo_gqa(t, r, s):  # query head i reads kv head i % kv instead of i // group
    for m in t.model.modules():
        if isinstance(m, glm.GlmOcrTextAttention):
            d, g, kv = m.head_dim, m.num_key_value_groups, m.num_heads // m.num_key_value_groups
            wrong = torch.arange(m.num_heads).view(g, kv).T.reshape(-1)  # head in the slot that reads kv head slot // g
            q = m.q_proj.weight.data.view(m.num_heads, d, -1)[wrong].reshape(m.q_proj.weight.shape)
            o = m.o_proj.weight.data.view(-1, m.num_heads, d)[:, wrong].reshape(m.o_proj.weight.shape)
            scale_to(m.q_proj.weight, q.contiguous(), s)
            scale_to(m.o_proj.weight, o.contiguous(), s)


def up_gate(t, r, s):
    for m in t.model.modules():
        if isinstance(m, glm.GlmOcrTextMLP):
            a, b = m.gate_up_proj.weight.data.chunk(2)
            scale_to(m.gate_up_proj.weight, torch.cat([b, a]), s)


def swapped_sandwich(t, r, s):
    for m in t.lm.layers:
        a, b = m.post_attention_layernorm, m.post_self_attn_layernorm
        wa, wb = a.weight.data, b.weight.data
        scale_to(a.weight, wb, s)
        scale_to(b.weight, wa, s)


def default_theta(t, r, s):
    swap(s, exact, "inverse_frequencies", lambda theta, dim: exact_frequencies(10000.0, dim))


exact_frequencies = exact.inverse_frequencies


def extra_layer(t, r, s):  # the draft layer run as one more decoder layer
    last = t.lm.layers[-1]
    old, mtp = last.forward, t.mtp.layer
    def forward(h, position_embeddings=None, past_key_values=None, **kwargs):
        h = old(h, position_embeddings=position_embeddings, past_key_values=past_key_values, **kwargs)
        return mtp(h, position_embeddings=position_embeddings)
    swap(s, last, "forward", forward)


def hidden_first(t, r, s):
    w = t.mtp.eh_proj.weight
    scale_to(w, torch.cat(w.data.chunk(2, -1)[::-1], -1), s)


def main_tables(t, r, s):  # the draft layer's own tables ignored
    scale_to(t.mtp.embed_tokens.weight, t.lm.embed_tokens.weight.data, s)
    scale_to(t.mtp.shared_head_head.weight, t.model.lm_head.weight.data, s)


def recycled_raw(t, r, s):
    old = t.draft
    def draft(positions, forced):
        old(positions, None)
        for k in ("mtp.drafts", "mtp.draft_logits"):
            t.trace[k] = t.trace[k + "_raw"]
    swap(s, t, "draft", draft)


def mtp_positions_next(t, r, s):  # slot p rotated at p + 1
    old = t.draft
    swap(s, t, "draft", lambda positions, forced: old(torch.cat([positions[:, :, 1:], positions[:, :, -1:] + 1], -1), forced))


def mtp_placeholder_embedding(t, r, s):  # the placeholder's own embedding where the picture's row belongs
    swap(s, reference, "is_image_mask", lambda ids, token: torch.zeros(len(ids), 1, dtype=torch.bool))


def newline_after_image(t, r, s):
    token = reference.Tokenizer.from_file(str(GOLDENS / "tiny/tokenizer.json"))
    at = r.ids[0].tolist().index(token.token_to_id("<|end_of_image|>")) + 1
    r.ids = torch.cat([r.ids[:, :at], torch.tensor([token.encode("\n").ids]), r.ids[:, at:]], 1)
    r.is_image = (r.ids == t.config.image_token_id).long()


def bilinear_resize(t, r, s):
    r.pixel_values = (r.pixel_values + r.pixel_values.roll(1, -1)) / 2


MUTANTS = {
    "patch embedding in (t, c) order": Mutant("V1", "tiny", patch_order),
    "LayerNorm in vision blocks": Mutant("V3", "tiny", blocks_layer_norm),
    "RMSNorm in the merger": Mutant("V3", "tiny", merger_rms_norm),
    "downsample without bias": Mutant("V6", "tiny", no_downsample_bias),
    "tanh GELU in the merger": Mutant("V6", "tiny", tanh_gelu),
    "merger LayerNorm with the RMS eps": Mutant("", "gqa3_hd16", layer_norm_eps),
    "RMS eps 1e-5 whatever the config says": Mutant("", "gqa3_hd16", default_rms_eps),
    "vision rope in raster order": Mutant("V11", "strip", raster_positions),
    "patches in raster order": Mutant("V11", "tiny", raster_patches),
    "attention across images": Mutant("V12", "two_images", one_segment),
    "vision rope with h and w swapped": Mutant("", "tiny", swapped_axes),
    "1-D positions": Mutant("M1", "tiny", positions_1d),
    "half-split text rope": Mutant("M3", "tiny", half_split),
    "interleaved rope sections": Mutant("M3", "tiny", interleaved_sections),
    "rope sections not read": Mutant("M3", "gqa3_hd16", proportional_sections),
    "decoding without rope_delta": Mutant("M9", "two_images", no_rope_delta),
    "scale from hidden / heads": Mutant("", "gqa1_hd32", head_dim_guess),
    "kv head i % kv_heads": Mutant("", "gqa3_hd16", modulo_gqa),
    "up before gate": Mutant("", "tiny", up_gate),
    "sandwich norms swapped": Mutant("", "tiny", swapped_sandwich),
    "rope base not read": Mutant("", "gqa3_hd16", default_theta),
    "draft layer as a decoder layer": Mutant("N3", "tiny", extra_layer),
    "hidden half first in eh_proj": Mutant("", "tiny", hidden_first),
    "draft layer's own tables ignored": Mutant("N1", "two_images", main_tables),
    "draft hidden recycled before the norm": Mutant("N2", "two_images", recycled_raw),
    "draft slots at the next position": Mutant("N4", "two_images", mtp_positions_next),
    "draft layer sees placeholders": Mutant("N4", "two_images", mtp_placeholder_embedding),
    "newline after the image": Mutant("T3", "tiny", newline_after_image),
    "another resize filter": Mutant("P3", "resized", bilinear_resize),
    "RMSNorm in the merger, bf16 bounds": Mutant("V3", "tiny", merger_rms_norm, "bf16"),
}


def run_mutant(mutant: Mutant, truths: dict) -> str:
    """First stage out of bounds, or "" when none is."""
    out = GOLDENS / mutant.golden
    request = request_of(out)
    if mutant.golden not in truths:
        truths[mutant.golden] = trace(out, request["images"], request["prompt"], request["new_tokens"])
    traces = truths[mutant.golden]
    tracer = Tracer(out, torch.float32)
    inputs = Request(out, tracer.config, request["images"], request["prompt"])
    with contextlib.ExitStack() as stack:
        stack.enter_context(tracer.exact())
        with torch.no_grad():
            mutant.plant(tracer, inputs, stack)
            got = tracer.run(inputs, request["new_tokens"], traces["truth"])
    limits = bounds(traces, mutant.compute)
    rows = [r for r in compare(traces["truth"], got, limits) if r.stage not in ("mtp.drafts_raw", "mtp.draft_logits_raw")]
    bad = [r for r in rows if r.ratio > 1]
    return f"{bad[0].stage} {bad[0].note or f'{bad[0].ratio:.0f} times its bound'}, {len(bad)} stages" if bad else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mutants", nargs="*", metavar="MUTANT")
    args = parser.parse_args()
    survivors, truths = 0, {}
    for name in args.mutants or MUTANTS:
        found = run_mutant(MUTANTS[name], truths)
        survivors += not found
        print(f"{MUTANTS[name].row:<4}{name:<40}{MUTANTS[name].golden:<13}{found or 'SURVIVES'}", flush=True)
    print(f"{survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
