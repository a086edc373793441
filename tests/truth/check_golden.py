#!/usr/bin/env python3
"""Golden files against a second reading of the same formulas: float64 in numpy, nothing of Sparsescope. No test asks for it.

  sparsescope-cli golden --out DIR && check_golden.py DIR

Every model runs again from config.json and model.safetensors: hidden states, logits, index scores and, where the scores or
the positions decide, the selected keys. Random selections are taken as stored.
"""
import json
import pathlib
import sys

import numpy as np

NUMBERS = {"F64": np.float64, "F32": np.float32, "I64": np.int64, "I32": np.int32, "U8": np.uint8}
LATENT_EPS = INDEXER_EPS = 1e-6
TOLERANCE = 1e-9


def read(path):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            numbers = np.frombuffer(content[begin:end], NUMBERS[entry["dtype"]]).reshape(entry["shape"])
            tensors[name] = numbers.astype(np.float64) if entry["dtype"] == "F32" else numbers
    return tensors


def rms_norm(x, weight, eps):
    return weight * x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Rotary:
    def __init__(self, dims, rope, length):
        place = np.arange(dims // 2)
        base, frequency, scale = rope["rope_theta"], rope["rope_theta"] ** (-2.0 * place / dims), 1.0
        self.softmax = 1.0
        if rope["rope_type"] == "yarn":
            factor = rope["factor"]
            turns = lambda n: dims * np.log(rope["original_max_position_embeddings"] / (2 * np.pi * n)) / (2 * np.log(base))
            low = max(np.floor(turns(rope["beta_fast"])), 0)
            high = min(np.ceil(turns(rope["beta_slow"])), dims - 1)
            ramp = np.clip((place - low) / (high - low if high > low else 0.001), 0, 1)
            frequency = frequency / factor * ramp + frequency * (1 - ramp)
            magnitude = lambda a: 0.1 * a * np.log(factor) + 1
            scale = magnitude(rope["mscale"]) / magnitude(rope["mscale_all_dim"])
            self.softmax = magnitude(rope["mscale_all_dim"]) ** 2
        angle = np.outer(np.arange(length), frequency)
        self.cos, self.sin, self.dims = scale * np.cos(angle), scale * np.sin(angle), dims

    def __call__(self, x, interleaved):
        """x [..., tokens, width]: the first dims of the width turn."""
        x = x.copy()
        first, second = (slice(0, self.dims, 2), slice(1, self.dims, 2)) if interleaved else (
            slice(0, self.dims // 2), slice(self.dims // 2, self.dims))
        a, b = x[..., first].copy(), x[..., second].copy()
        x[..., first], x[..., second] = a * self.cos - b * self.sin, b * self.cos + a * self.sin
        return x


class Model:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read(folder / "model.safetensors")
        self.golden = read(folder / "golden.safetensors")
        self.latent = "kv_lora_rank" in self.config
        self.length = self.golden["input_ids"].shape[1]
        self.causal = np.tril(np.ones((self.length, self.length), bool))
        self.differences = {}
        self.chosen = None

    def linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        return y + self.weights[name + ".bias"] if name + ".bias" in self.weights else y

    def heads(self, x, count):
        return x.reshape(*x.shape[:2], count, -1).swapaxes(1, 2)

    def compare(self, name, found):
        self.differences[name] = float(np.abs(found - self.golden[name]).max())

    def select(self, layer, prefix, x, source):
        """The keys of every query, [B, S, S]."""
        stored = self.golden.get(f"layer{layer}.selected")
        if stored is None:
            return np.broadcast_to(self.causal, (len(x), *self.causal.shape))
        stored, k = stored.astype(bool), self.config["index_topk"]
        positions = np.arange(self.length)
        kind = self.config.get("selector", "lightning")
        if prefix + "indexer.wk.weight" in self.weights:
            count, width = self.config["index_n_heads"], self.config["index_head_dim"]
            query = self.heads(self.linear(source, prefix + "indexer.wq_b"), count)
            key = self.linear(x, prefix + "indexer.wk")
            key = (key - key.mean(-1, keepdims=True)) / np.sqrt(key.var(-1, keepdims=True) + INDEXER_EPS)
            key = key * self.weights[prefix + "indexer.k_norm.weight"] + self.weights[prefix + "indexer.k_norm.bias"]
            interleaved = self.config["model_type"] == "glm_moe_dsa"
            query, key = self.rotary(query, interleaved), self.rotary(key, interleaved)
            weight = self.linear(x, prefix + "indexer.weights_proj") * (count * width) ** -0.5
            dots = np.maximum(query @ key[:, None].swapaxes(-1, -2), 0)
            scores = np.einsum("bth,bhts->bts", weight, dots) * self.causal
            self.compare(f"layer{layer}.index_scores", scores)
            order = np.argsort(np.where(self.causal, -scores, np.inf), axis=-1, kind="stable")
            self.chosen = np.zeros_like(stored)
            np.put_along_axis(self.chosen, order[..., :min(k, self.length)], True, -1)
            self.chosen &= self.causal
        elif self.latent:
            pass  # of the nearest earlier layer that has scores
        elif kind == "recency":
            self.chosen = np.broadcast_to(self.causal & (positions > positions[:, None] - k), stored.shape)
        else:
            self.chosen = stored
        self.differences[f"layer{layer}.selected"] = float((self.chosen != stored).sum())
        if (stored & ~self.causal).any() or (stored.sum(-1) != np.minimum(k, positions + 1)).any():
            sys.exit(f"layer {layer}: a key behind the query, or not min(k, t + 1) of them")
        listed = self.golden[f"layer{layer}.selected_keys"]
        for row, keys in zip(stored.reshape(-1, self.length), listed.reshape(-1, listed.shape[-1])):
            if list(np.flatnonzero(row)) != list(keys[keys >= 0]):
                sys.exit(f"layer {layer}: selected and selected_keys differ")
        return stored

    def attention(self, layer, x):
        prefix, config = f"model.layers.{layer}.self_attn.", self.config
        count, source = config["num_attention_heads"], x
        if self.latent:
            nope, rope = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
            if config["q_lora_rank"] is not None:
                source = rms_norm(self.linear(x, prefix + "q_a_proj"), self.weights[prefix + "q_a_layernorm.weight"],
                                  LATENT_EPS)
            query = self.linear(source, prefix + ("q_b_proj" if config["q_lora_rank"] is not None else "q_proj"))
            query = self.heads(query, count)
            both = self.linear(x, prefix + "kv_a_proj_with_mqa")
            latent, turned = both[..., :-rope], self.rotary(both[..., -rope:], True)
            latent = rms_norm(latent, self.weights[prefix + "kv_a_layernorm.weight"], LATENT_EPS)
            both = self.heads(self.linear(latent, prefix + "kv_b_proj"), count)
            query = np.concatenate([query[..., :nope], self.rotary(query[..., nope:], True)], -1)
            turned = np.broadcast_to(turned[:, None], (*both.shape[:3], rope))
            key, value = np.concatenate([both[..., :nope], turned], -1), both[..., nope:]
        else:
            keys = config["num_key_value_heads"]
            query = self.heads(self.linear(x, prefix + "q_proj"), count)
            key, value = (self.heads(self.linear(x, prefix + name), keys) for name in ("k_proj", "v_proj"))
            if config["use_qk_norm"]:
                query = rms_norm(query, self.weights[prefix + "q_norm.weight"], config["rms_norm_eps"])
                key = rms_norm(key, self.weights[prefix + "k_norm.weight"], config["rms_norm_eps"])
            query, key = self.rotary(query, False), self.rotary(key, False)
            key, value = (part.repeat(count // keys, axis=1) for part in (key, value))
        logits = query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5 * self.rotary.softmax
        logits = np.where(self.select(layer, prefix, x, source)[:, None], logits, -np.inf)
        weight = np.exp(logits - logits.max(-1, keepdims=True))
        result = (weight / weight.sum(-1, keepdims=True)) @ value
        return self.linear(result.swapaxes(1, 2).reshape(*x.shape[:2], -1), prefix + "o_proj")

    def mlp(self, x, prefix):
        gate = self.linear(x, prefix + "gate_proj")
        return self.linear(gate * sigmoid(gate) * self.linear(x, prefix + "up_proj"), prefix + "down_proj")

    def feed_forward(self, layer, x):
        prefix, config = f"model.layers.{layer}.mlp.", self.config
        if prefix + "gate.weight" not in self.weights:
            return self.mlp(x, prefix)
        result = self.mlp(x, prefix + "shared_experts.")
        strength = sigmoid(self.linear(x, prefix + "gate"))
        choice = strength + self.weights[prefix + "gate.e_score_correction_bias"]
        groups, open_groups, taken = config["n_group"], config["topk_group"], config["num_experts_per_tok"]
        for place in np.ndindex(x.shape[:2]):
            apart = choice[place].reshape(groups, -1)
            best = np.argsort(-np.sort(apart, -1)[:, -2:].sum(-1), kind="stable")[:open_groups]
            left = np.full_like(apart, -np.inf)
            left[best] = apart[best]
            experts = np.argsort(-left.reshape(-1), kind="stable")[:taken]
            weight = strength[place][experts]
            if config["norm_topk_prob"]:
                weight = weight / (weight.sum() + 1e-20)
            for expert, share in zip(experts, weight * config["routed_scaling_factor"]):
                result[place] += share * self.mlp(x[place], f"{prefix}experts.{expert}.")
        return result

    def run(self):
        config, eps = self.config, self.config["rms_norm_eps"]
        rope = config["rope_parameters"]
        dims = config["qk_rope_head_dim"] if self.latent else int(config["head_dim"] * rope["partial_rotary_factor"])
        self.rotary = Rotary(dims, rope, self.length)
        h = self.weights["model.embed_tokens.weight"][self.golden["input_ids"]]
        for layer in range(config["num_hidden_layers"]):
            self.compare(f"hidden.{layer}", h)
            prefix = f"model.layers.{layer}."
            h = h + self.attention(layer, rms_norm(h, self.weights[prefix + "input_layernorm.weight"], eps))
            h = h + self.feed_forward(layer, rms_norm(h, self.weights[prefix + "post_attention_layernorm.weight"], eps))
        h = rms_norm(h, self.weights["model.norm.weight"], eps)
        self.compare(f"hidden.{config['num_hidden_layers']}", h)
        self.compare("logits", h @ self.weights["model.embed_tokens.weight" if config["tie_word_embeddings"]
                                                else "lm_head.weight"].T)
        missed = set(self.golden) - set(self.differences) - {"input_ids"}
        missed = {name for name in missed if not name.endswith(".selected_keys")}
        if missed:
            sys.exit(f"not compared: {sorted(missed)}")
        return self.differences


def main(folders):
    worst = 0.0
    for path in sorted(file.parent for folder in folders for file in pathlib.Path(folder).glob("*/golden.safetensors")):
        found = Model(path).run()
        largest = max(found.values())
        worst = max(worst, largest)
        sets = sum(name.endswith(".selected") for name in found)
        print(f"{path.name:32} {len(found):3} tensors, {sets} of them key sets: largest difference {largest:.1e}")
    return 0 if 0 < worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
