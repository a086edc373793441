#!/usr/bin/env python3
"""Sparsescope beside Hugging Face transformers: needs `pip install transformers` (5.x) beside torch. No test asks for it.

  with_transformers.py compare CHECKPOINT... --cli build/release/bin/sparsescope-cli
      Opens each Hugging Face folder there and here, runs both on the same random tokens, prints the largest difference.
  with_transformers.py make DIR [--seed N]
      Writes vectors of models of other shapes and seeds, in the form of this folder. Run the truth tests on them:
      SPARSESCOPE_TRUTH=DIR ctest -L truth
"""
import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
INDEX_GAP, ROUTER_GAP = 5e-4, 3e-4  # no row of a choice may be nearer to a tie


class OrderedTies:
    """Equal index scores: the lower key first, as here. torch.topk leaves their order open, and then the sets differ."""

    def __enter__(self):
        self.rows = 0
        self.before = before = torch.Tensor.topk

        def topk(scores, k, *args, **kwargs):
            if scores.dim() != 3 or scores.shape[1] != scores.shape[2]:
                return before(scores, k, *args, **kwargs)
            best = torch.sort(scores, dim=-1, descending=True, stable=True)
            self.rows += int((best.values[:, k:, k - 1:k] == best.values[:, k:, k:k + 1]).sum()) if k < scores.shape[2] else 0
            return torch.return_types.topk((best.values[..., :k], best.indices[..., :k]))

        torch.Tensor.topk = topk
        return self

    def __exit__(self, *_):
        torch.Tensor.topk = self.before


def compare(arguments):
    worst = 0.0
    for folder in map(pathlib.Path, arguments.checkpoints):
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=arguments.dtype).eval()
        generator = torch.Generator().manual_seed(arguments.seed)
        length = min(arguments.length, model.config.max_position_embeddings)
        ids = torch.randint(0, model.config.vocab_size, (2, length), generator=generator)
        with tempfile.TemporaryDirectory() as work:
            tokens, out = pathlib.Path(work) / "ids.safetensors", pathlib.Path(work) / "out.safetensors"
            save_file({"input_ids": ids}, tokens)
            subprocess.run([arguments.cli, "forward", folder, "--ids", tokens, "--out", out, "--dtype",
                            arguments.dtype, "--quiet"], check=True, stdout=subprocess.DEVNULL)
            ours = load_file(out)["logits"]
        with torch.no_grad(), OrderedTies() as ties:
            theirs = model(ids).logits
        difference = (ours.double() - theirs.double()).abs().max().item()
        worst = max(worst, difference)
        print(f"{folder}: {type(model).__name__}, {tuple(theirs.shape)}, largest |logit| {theirs.abs().max():.3g}, "
              f"largest difference {difference:.2e}" + (f"; {ties.rows} rows with a tie at k" if ties.rows else ""))
    return 0 if worst <= arguments.tolerance else 1


# What the vectors of this folder do not have: other widths, odd head counts, other lengths, more layers and experts.
LATENT = dict(vocab_size=131, hidden_size=40, intermediate_size=56, moe_intermediate_size=20, num_hidden_layers=3,
              num_attention_heads=5, num_key_value_heads=5, q_lora_rank=20, kv_lora_rank=12, qk_nope_head_dim=10,
              qk_rope_head_dim=6, v_head_dim=14, n_routed_experts=6, n_shared_experts=2, num_experts_per_tok=3,
              n_group=1, topk_group=1, routed_scaling_factor=1.7, norm_topk_prob=True, first_k_dense_replace=1,
              max_position_embeddings=96, rms_norm_eps=1e-6,
              rope_parameters={"rope_type": "default", "rope_theta": 5000.0})
INDEXED = dict(LATENT, index_n_heads=10, index_head_dim=18, index_topk=7)
KINDS = {
    "deepseek_v3": dict(LATENT, q_lora_rank=None, norm_topk_prob=False, rope_interleave=False),
    "deepseek_v32": INDEXED,
    "deepseek_v32-yarn": dict(INDEXED, n_routed_experts=8, n_group=4, topk_group=2, num_hidden_layers=2, rope_parameters={
        "rope_type": "yarn", "rope_theta": 5000.0, "factor": 8.0, "original_max_position_embeddings": 12,
        "beta_fast": 16, "beta_slow": 1, "mscale": 0.7, "mscale_all_dim": 0.7}),
    "glm_moe_dsa": dict(INDEXED, rms_norm_eps=1e-5, attention_bias=True),
    "glm_moe_dsa-share": dict(INDEXED, rms_norm_eps=1e-5, num_hidden_layers=4, index_topk=9,
                              indexer_types=["full", "shared", "full", "shared"]),
    "glm4_moe": dict(vocab_size=131, hidden_size=40, intermediate_size=56, moe_intermediate_size=20,
                     num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=3, head_dim=12,
                     use_qk_norm=True, attention_bias=False, n_routed_experts=6, n_shared_experts=1,
                     num_experts_per_tok=2, n_group=2, topk_group=1, routed_scaling_factor=1.3, norm_topk_prob=True,
                     first_k_dense_replace=2, max_position_embeddings=96, rms_norm_eps=1e-5,
                     rope_parameters={"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.5}),
}
ROWS, LENGTH = 3, 37


def build(kind, seed):
    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind.split("-")[0], **KINDS[kind], bos_token_id=None, eos_token_id=None,
                                  pad_token_id=None, dtype="float32")
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            if "rotary" in name or "inv_freq" in name:
                continue
            # Large enough that every part matters; nothing stays at 0 or 1.
            if tensor.dim() > 1:
                tensor.normal_(0, 1 if "embed" in name else tensor.shape[-1] ** -0.5)
                if name.endswith("weights_proj.weight"):
                    tensor.mul_(8)
            else:
                tensor.add_(torch.randn_like(tensor), alpha=0.1)
    return model


def observe(model, ids, vectors):
    """One forward and backward; fills `vectors`, returns the smallest gaps of the choices."""
    gaps = {"index": math.inf, "router": math.inf}
    layers, handles = model.model.layers, []
    causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
    sorter = torch.Tensor.topk

    def watch_indexer(layer, indexer):
        seen = {}

        def before(*_):
            def record(self, k, *args, **kwargs):
                seen["scores"] = self.detach().clone()
                return sorter(self, k, *args, **kwargs)
            torch.Tensor.topk = record

        def after(_module, _inputs, chosen):
            torch.Tensor.topk = sorter
            scores = seen["scores"].masked_fill(~causal, -math.inf)
            k = chosen.shape[-1]
            best = scores.sort(-1, descending=True).values
            gaps["index"] = min(gaps["index"], (best[:, k:, k - 1] - best[:, k:, k]).min().item())
            visible = chosen <= torch.arange(ids.shape[1]).view(1, -1, 1)
            vectors[f"layer{layer}.index_scores"] = scores.masked_fill(~causal, 0)
            vectors[f"layer{layer}.topk_indices"] = chosen.masked_fill(~visible, -1).int()

        handles.append(indexer.register_forward_pre_hook(before))
        handles.append(indexer.register_forward_hook(after))

    def watch_router(layer, gate):
        def after(_module, _inputs, result):
            logits, weights, experts = result
            choice = logits.sigmoid() + gate.e_score_correction_bias
            groups = choice.view(len(choice), gate.num_group, -1)
            strength = groups.topk(2, -1).values.sum(-1).sort(-1, descending=True).values
            if gate.topk_group < gate.num_group:
                gaps["router"] = min(gaps["router"], (strength[:, gate.topk_group - 1] -
                                                      strength[:, gate.topk_group]).min().item())
            order = experts.sort(-1)
            taken = choice.gather(1, experts).min(-1).values
            kept = strength[:, gate.topk_group - 1:gate.topk_group]
            open_groups = groups.topk(2, -1).values.sum(-1, keepdim=True) >= kept.unsqueeze(-1)
            left = groups.masked_fill(~open_groups, -math.inf).reshape(choice.shape).scatter(1, experts, -math.inf)
            gaps["router"] = min(gaps["router"], (taken - left.max(-1).values).min().item())
            vectors[f"layer{layer}.router_logits"] = logits.detach().clone()
            vectors[f"layer{layer}.router_indices"] = order.values.int()
            vectors[f"layer{layer}.router_weights"] = weights.detach().gather(1, order.indices)

        handles.append(gate.register_forward_hook(after))

    for i, layer in enumerate(layers):
        if getattr(layer.self_attn, "indexer", None) is not None:
            watch_indexer(i, layer.self_attn.indexer)
        if hasattr(layer.mlp, "gate"):
            watch_router(i, layer.mlp.gate)
    result = model(ids, labels=ids, output_hidden_states=True, output_attentions=True, use_cache=False)
    result.loss.backward()
    for handle in handles:
        handle.remove()

    positions = torch.linspace(0, ids.shape[1] - 1, 11).long().unique()
    vectors.update(input_ids=ids, logits=result.logits.detach(), loss=result.loss.detach().view(1),
                   attn_query_positions=positions)
    for i, hidden in enumerate(result.hidden_states):
        vectors[f"hidden.{i}"] = hidden.detach()
    for i, weights in enumerate(result.attentions):
        vectors[f"layer{i}.attn_probs"] = weights.detach()[0][:, positions]
    indexers = [layer.self_attn.indexer for layer in layers if getattr(layer.self_attn, "indexer", None) is not None]
    if indexers:
        chosen = indexers[0].index_topk
        for indexer in indexers:
            indexer.index_topk = ids.shape[1]
        with torch.no_grad():
            vectors["logits_dense"] = model(ids, use_cache=False).logits[:, -1]
        for indexer in indexers:
            indexer.index_topk = chosen
    return gaps


def gradients(model):
    """By the names on disk: experts apart."""
    named = {}
    for name, tensor in model.named_parameters():
        gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        if name.endswith("experts.gate_up_proj"):
            for e, both in enumerate(gradient):
                prefix = name.removesuffix("gate_up_proj") + f"{e}."
                named[prefix + "gate_proj.weight"], named[prefix + "up_proj.weight"] = both.chunk(2)
        elif name.endswith("experts.down_proj"):
            for e, one in enumerate(gradient):
                named[name.removesuffix("down_proj") + f"{e}.down_proj.weight"] = one
        else:
            named[name] = gradient
    return named


def make(arguments):
    target = pathlib.Path(arguments.folder)
    for kind in KINDS:
        for seed in range(arguments.seed, arguments.seed + 500):
            model, vectors = build(kind, seed), {}
            ids = torch.randint(0, model.config.vocab_size, (ROWS, LENGTH),
                                generator=torch.Generator().manual_seed(seed))
            gaps = observe(model, ids, vectors)
            if gaps["index"] > INDEX_GAP and gaps["router"] > ROUTER_GAP:
                break
        else:
            sys.exit(f"{kind}: no seed is free of near ties")
        folder = target / f"hf-{kind}"
        model.save_pretrained(folder)
        named = gradients(model)
        stored = sorted(name for name in load_file(folder / "model.safetensors") if "e_score_correction_bias" not in name)
        assert stored == sorted(named), set(stored) ^ set(named)
        vectors["grad_norms"] = torch.stack([named[name].norm() for name in stored])
        vectors.update({f"grad.{name}": named[name] for name in stored if named[name].numel() <= 320})
        save_file({name: tensor.contiguous() for name, tensor in vectors.items()}, folder / "vectors.safetensors")
        print(f"{folder}: seed {seed}, gaps {json.dumps(gaps)}")
    for file in HERE.glob("grads-*.safetensors"):
        shutil.copy(file, target)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("compare")
    verb.add_argument("checkpoints", nargs="+")
    verb.add_argument("--cli", required=True)
    verb.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    verb.add_argument("--length", type=int, default=64)
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--tolerance", type=float, default=1e-4)
    verb.set_defaults(run=compare)
    verb = verbs.add_parser("make")
    verb.add_argument("folder")
    verb.add_argument("--seed", type=int, default=0)
    verb.set_defaults(run=make)
    arguments = parser.parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
