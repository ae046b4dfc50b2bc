"""Traces transformers' GLM-OCR stage by stage, with the tensor names of `glm-ocr trace`.

    python tools/parity/reference.py MODEL_DIR --out reference.safetensors [--precision truth|float32|chain|bfloat16]

MODEL_DIR is what make_model.py wrote (or any checkpoint with --image/--prompt). `truth` is float64 arithmetic (exact.py),
`float32` and `bfloat16` are transformers as it is, `chain` is the truth plus the rounding errors of plain fp32 kernels.
The draft (MTP) layer, which transformers ignores, is built here from transformers' own decoder layer and norms.

Tensors, all row-major: input_ids [n], position_ids [3, n], pixel_values [patches, 1176], image_grid_thw [images, 3],
vision.patch_embed, vision.blocks.I, vision.post_layernorm [patches, C], vision.downsample, vision.merger [tokens, hidden],
text.embed (image rows replaced), text.layers.I, text.norm [n, hidden], logits [n, vocab] of the prompt, generated_ids [N],
step_logits [N, vocab], mtp.hidden [n-1, hidden] after shared_head.norm, mtp.logits [n-1, vocab], and the chained drafts after
the first generated token: mtp.drafts [3], mtp.draft_logits [3, vocab] with the hidden recycled after shared_head.norm,
mtp.drafts_raw, mtp.draft_logits_raw with the hidden recycled before it. Generation is greedy and never stops early.
"""

import argparse
import contextlib
import json
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoImageProcessor, DynamicCache, GlmOcrForConditionalGeneration
from transformers.models.glm_ocr import modeling_glm_ocr as glm

from exact import exact

PRECISIONS = ("truth", "float32", "chain", "bfloat16")
CHAIN_RUNS = 4  # independent samples of the rounding errors
N_DRAFTS = 3


def chat_text(prompt: str, n_images: int) -> str:
    """One user turn: the pictures, then the text (spec of GLM-OCR's chat template; no newline between any of them)."""
    return ("[gMASK]<sop><|user|>\n" + "<|begin_of_image|><|image|><|end_of_image|>" * n_images + prompt +
            "<|assistant|>\n")


def encode_prompt(model_dir: Path, prompt: str, tokens_per_image: list[int], text=chat_text) -> list[int]:
    """Ids of text(prompt, number of images), each image placeholder repeated for every visual token."""
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    image_id, counts, ids = tokenizer.token_to_id("<|image|>"), iter(tokens_per_image), []
    for token in tokenizer.encode(text(prompt, len(tokens_per_image)), add_special_tokens=False).ids:
        ids += [token] * next(counts) if token == image_id else [token]
    return ids


class Request:
    """Token ids, pixels and M-RoPE positions of one prompt, as torch tensors with a batch dimension where HF wants one."""

    def __init__(self, model_dir: Path, config, images: list[Path], prompt: str, text=chat_text):
        self.pixel_values = self.grid = None
        merge, counts = config.vision_config.spatial_merge_size, []
        if images:
            processor = AutoImageProcessor.from_pretrained(model_dir, backend="pil")
            out = processor([Image.open(i) for i in images], return_tensors="pt")
            self.pixel_values, self.grid = out["pixel_values"], out["image_grid_thw"]
            counts = (self.grid.prod(-1) // merge**2).tolist()
        self.ids = torch.tensor([encode_prompt(model_dir, prompt, counts, text)])
        self.is_image = (self.ids == config.image_token_id).long()

    def positions(self, model) -> tuple[torch.Tensor, int]:
        """position_ids [3, 1, n] and rope_delta, by transformers."""
        ids, delta = model.model.get_rope_index(self.ids, mm_token_type_ids=self.is_image, image_grid_thw=self.grid)
        return ids, int(delta)


class Mtp(nn.Module):
    """The draft layer: u = eh_proj([enorm(embed(x_{p+1})); hnorm(h_p)]), one sandwich layer, shared_head.norm, shared_head.head."""

    def __init__(self, config, tensors: dict[str, torch.Tensor], dtype: torch.dtype):
        super().__init__()
        hidden, vocab = config.hidden_size, config.vocab_size
        norm = lambda: glm.GlmOcrRMSNorm(hidden, eps=config.rms_norm_eps)  # noqa: E731
        with torch.device("meta"):
            self.layer = glm.GlmOcrTextDecoderLayer(config, layer_idx=0)
            self.enorm, self.hnorm, self.shared_head_norm = norm(), norm(), norm()
            self.eh_proj = nn.Linear(2 * hidden, hidden, bias=False)
            self.embed_tokens = nn.Embedding(vocab, hidden)
            self.shared_head_head = nn.Linear(hidden, vocab, bias=False)
        own = {}
        for name, tensor in tensors.items():
            name = name.replace("shared_head.", "shared_head_")
            if name.split(".")[0] not in dict(self.named_children()):
                name = "layer." + name
            own[name] = tensor.to(dtype)
        self.load_state_dict(own, strict=True, assign=True)
        self.requires_grad_(False)

    def forward(self, hidden, embeds, rotary, cache):
        """hidden, embeds [1, m, hidden] -> (layer output, the same after shared_head.norm), both [1, m, hidden]."""
        u = self.eh_proj(torch.cat([self.enorm(embeds), self.hnorm(hidden)], -1))
        v = self.layer(u, position_embeddings=rotary, past_key_values=cache)
        return v, self.shared_head_norm(v)


def load_mtp(model_dir: Path, model, dtype: torch.dtype) -> Mtp | None:
    """The draft layer of a checkpoint, or None when its config says there is none. Tables it lacks are the model's own."""
    config = model.config.text_config
    if not getattr(config, "num_nextn_predict_layers", 0):
        return None
    prefix, tensors = f"model.language_model.layers.{config.num_hidden_layers}.", {}
    for path in sorted(model_dir.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            tensors |= {k.removeprefix(prefix): file.get_tensor(k) for k in file.keys() if k.startswith(prefix)}
    tensors.setdefault("embed_tokens.weight", model.model.language_model.embed_tokens.weight.data)
    tensors.setdefault("shared_head.head.weight", model.lm_head.weight.data)
    return Mtp(config, tensors, dtype)


def is_image_mask(ids: torch.Tensor, image_token_id: int) -> torch.Tensor:
    """[n, 1]: which rows are image placeholders."""
    return (ids == image_token_id)[:, None]


class Tracer:
    """Runs one model on one request and collects the trace."""

    def __init__(self, model_dir: Path, dtype: torch.dtype):
        transformers.logging.set_verbosity_error()  # the draft layer's tensors are unexpected there, by design
        transformers.logging.disable_progress_bar()
        self.model, info = GlmOcrForConditionalGeneration.from_pretrained(
            model_dir, dtype=dtype, attn_implementation="sdpa", output_loading_info=True)
        if info["missing_keys"] or info["mismatched_keys"]:
            raise SystemExit(f"{model_dir}: transformers misses {info['missing_keys']} {info['mismatched_keys']}")
        self.model.eval().requires_grad_(False)
        self.lm, self.config = self.model.model.language_model, self.model.config
        self.mtp = load_mtp(model_dir, self.model, dtype)
        self.trace: dict[str, torch.Tensor] = {}

    def _hooks(self):
        """Forward hooks that record every stage of one prefill."""
        visual, hidden = self.model.model.visual, self.config.text_config.hidden_size
        stages = {"vision.patch_embed": visual.patch_embed, "vision.post_layernorm": visual.post_layernorm,
                  "vision.downsample": visual.downsample, "vision.merger": visual.merger, "text.norm": self.lm.norm}
        stages |= {f"vision.blocks.{i}": b for i, b in enumerate(visual.blocks)}
        stages |= {f"text.layers.{i}": b for i, b in enumerate(self.lm.layers)}

        def record(name):
            def hook(module, args, out):
                rows = out if name != "vision.downsample" else out.reshape(-1, hidden)
                self.trace[name] = rows.reshape(-1, rows.shape[-1])
            return hook

        def embed(module, args, kwargs):
            self.trace["text.embed"] = kwargs["inputs_embeds"][0]

        return ([m.register_forward_hook(record(n)) for n, m in stages.items()] +
                [self.lm.register_forward_pre_hook(embed, with_kwargs=True)])

    def prefill(self, request: Request):
        positions, delta = request.positions(self.model)
        cache, hooks = DynamicCache(config=self.config.text_config), self._hooks()
        vision = {} if request.grid is None else dict(pixel_values=request.pixel_values, image_grid_thw=request.grid)
        out = self.model(input_ids=request.ids, position_ids=positions, past_key_values=cache, use_cache=True, **vision)
        for hook in hooks:
            hook.remove()
        self.trace |= dict(input_ids=request.ids[0], position_ids=positions[:, 0], logits=out.logits[0])
        if vision:
            self.trace |= dict(pixel_values=request.pixel_values, image_grid_thw=request.grid)
        return cache, positions, delta

    def generate(self, cache, delta: int, count: int, forced: list[int] | None) -> None:
        """Greedy decoding, or the given ids: comparisons of steps need the same history."""
        n, rows, ids = len(self.trace["input_ids"]), [self.trace["logits"][-1]], []
        for i in range(count):
            ids.append(int(rows[-1].argmax()) if forced is None else forced[i])
            if i + 1 < count:
                position = torch.full((3, 1, 1), n + i + delta)
                out = self.model(input_ids=torch.tensor([[ids[-1]]]), position_ids=position, past_key_values=cache)
                rows.append(out.logits[0, -1])
        self.trace |= dict(generated_ids=torch.tensor(ids), step_logits=torch.stack(rows))

    def exact(self, chain_noise: int | None = None):
        """Float64 arithmetic for this tracer's modules, see exact.py."""
        return exact(*filter(None, (self.model, self.mtp)), chain_noise=chain_noise)

    def draft(self, positions: torch.Tensor, forced: dict[str, list[int]] | None) -> None:
        """Slots 0..n-2 of the prompt, then slot n-1 and two chained ones, for both recycled hiddens."""
        hidden, embeds, n = self.trace["text.norm"], self.trace["text.embed"], len(self.trace["input_ids"])
        # Text slots read the layer's own table (equal to the main one in published files), image slots the merged vectors.
        own = self.mtp.embed_tokens(self.trace["input_ids"])
        is_image = is_image_mask(self.trace["input_ids"], self.config.image_token_id)
        embeds = torch.where(is_image, embeds, own)
        for suffix in ("", "_raw"):
            cache = DynamicCache(config=self.config.text_config)
            rotary = self.lm.rotary_emb(hidden, positions[:, :, : n - 1])
            _, normed = self.mtp(hidden[None, :-1], embeds[None, 1:], rotary, cache)
            if not suffix:
                self.trace |= {"mtp.hidden": normed[0], "mtp.logits": self.mtp.shared_head_head(normed[0])}
            token, h, ids, logits = int(self.trace["generated_ids"][0]), hidden[None, -1:], [], []
            for j in range(N_DRAFTS):
                rotary = self.lm.rotary_emb(hidden, positions[:, :, -1:] + j)
                raw, normed = self.mtp(h, self.mtp.embed_tokens(torch.tensor([[token]])), rotary, cache)
                logits.append(self.mtp.shared_head_head(normed[0, 0]))
                token = int(logits[-1].argmax()) if forced is None else forced["mtp.drafts" + suffix][j]
                ids.append(token)
                h = raw if suffix else normed
            self.trace |= {"mtp.drafts" + suffix: torch.tensor(ids), "mtp.draft_logits" + suffix: torch.stack(logits)}

    def run(self, request: Request, new_tokens: int, forced: dict | None = None,
            arithmetic: contextlib.AbstractContextManager | None = None) -> dict[str, np.ndarray]:
        """One trace. `forced` is another trace whose generated ids and drafts are fed instead of this one's own choices."""
        self.trace = {}
        with torch.no_grad(), arithmetic or contextlib.nullcontext():
            cache, positions, delta = self.prefill(request)
            self.generate(cache, delta, new_tokens, forced and forced["generated_ids"].tolist())
            if self.mtp is not None:
                self.draft(positions, forced)
        return {k: (v.double() if v.is_floating_point() else v).numpy() for k, v in self.trace.items()}


def trace(model_dir: Path, images: list[Path], prompt: str, new_tokens: int, precisions=PRECISIONS,
          chain_runs: int = CHAIN_RUNS, text=chat_text) -> dict[str, dict]:
    """precision -> trace; "chain" gives chain.0, chain.1 ... `truth` decides the generated ids, the other runs are fed those."""
    out: dict[str, dict] = {}
    tracer = Tracer(model_dir, torch.float32)
    request = Request(model_dir, tracer.config, images, prompt, text)
    for precision in sorted(precisions, key=PRECISIONS.index):
        forced = out.get("truth")
        if precision == "truth":
            out[precision] = tracer.run(request, new_tokens, arithmetic=tracer.exact())
        elif precision == "float32":
            out[precision] = tracer.run(request, new_tokens, forced)
        elif precision == "chain":
            for i in range(chain_runs):
                out[f"chain.{i}"] = tracer.run(request, new_tokens, forced, tracer.exact(chain_noise=i))
        else:
            out[precision] = Tracer(model_dir, torch.bfloat16).run(request, new_tokens, forced)
    return out


def request_of(model_dir: Path) -> dict:
    """images (paths), prompt and new_tokens that make_model.py wrote for this directory; a text request where it wrote none."""
    path = model_dir / "request.json"
    request = json.loads(path.read_text()) if path.exists() else dict(images=[], prompt="Text Recognition:", new_tokens=8)
    return request | dict(images=[model_dir / image for image in request["images"]])


def stored(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As written to files: fp32 and int64."""
    return {k: np.ascontiguousarray(v.astype(np.float32 if v.dtype.kind == "f" else np.int64)) for k, v in tensors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--precision", choices=PRECISIONS, default="truth")
    parser.add_argument("--image", type=Path, action="append", help="default: those of MODEL_DIR/request.json")
    parser.add_argument("--prompt")
    parser.add_argument("--max-new-tokens", type=int)
    args = parser.parse_args()
    request = request_of(args.model)
    result = trace(args.model, args.image or request["images"], args.prompt or request["prompt"],
                   args.max_new_tokens or request["new_tokens"], [args.precision], chain_runs=1)
    save_file(stored(next(iter(result.values()))), args.out)


if __name__ == "__main__":
    main()
