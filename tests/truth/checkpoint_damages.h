// Longer than 400 lines: one table of damages.
#pragma once

#include "core/base/json_reader.h"
#include "tests/truth/checkpoint_draft.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>

#include <QtTest>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <sys/stat.h>

/// What can be wrong with a checkpoint, and what the message must then say.
namespace sparsescope::truth {

using at::Tensor;
using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char *kWeights = "model.safetensors";
constexpr const char *kConfig = "config.json";
constexpr const char *kIndex = "model.safetensors.index.json";

/// One way to damage a checkpoint: what must stand in the message, and what is done to the folder.
struct Damage {
    std::string name;
    std::vector<std::string> words; ///< file, and tensor or field
    std::function<void(const fs::path &)> apply;
};

/// The header of a safetensors file as JSON, changed and put back in front of the same data.
inline void changeHeader(const fs::path &file, const std::function<void(Json &)> &change)
{
    const std::string content = contentOf(file);
    std::uint64_t length = 0;
    std::memcpy(&length, content.data(), 8);
    Json header = Json::parse(content.substr(8, length));
    change(header);
    const std::string text = header.dump();
    const std::uint64_t size = text.size();
    writeFileAtomically(file,
                        std::string(reinterpret_cast<const char *>(&size), 8) + text + content.substr(8 + length));
}

inline void changeBytes(const fs::path &file, const std::function<void(std::string &)> &change)
{
    std::string content = contentOf(file);
    change(content);
    writeFileAtomically(file, content);
}

inline void setLength(const fs::path &file, std::uint64_t length)
{
    changeBytes(file, [&](std::string &content) { std::memcpy(content.data(), &length, 8); });
}

/// Damages of one truth folder; every random choice follows from the seed.
class DamageCatalogue {
public:
    DamageCatalogue(const fs::path &folder, unsigned seed)
        : m_file(folder / kWeights)
        , m_draft(folder)
        , m_random(seed)
    {
        files();
        headers();
        tensors();
        keys();
        sizes();
        contradictions();
        configFiles();
        shards();
    }

    std::vector<Damage> damages;

private:
    void add(const std::string &name, std::vector<std::string> words, std::function<void(const fs::path &)> apply)
    {
        damages.push_back({name, std::move(words), std::move(apply)});
    }
    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(m_random); }
    /// Some tensor, another one each time; `dims` of at least so many.
    std::string tensor(std::int64_t dims = 1)
    {
        std::vector<std::string> names;
        for (const auto &[name, value] : m_draft.tensors) {
            if (value.dim() >= dims) {
                names.push_back(name);
            }
        }
        return names[below(names.size())];
    }

    void files()
    {
        const std::size_t bytes = contentOf(m_file).size();
        std::uint64_t header = 0;
        std::memcpy(&header, contentOf(m_file).data(), 8);
        const auto cut = [&](const std::string &name, std::size_t to, std::vector<std::string> words) {
            add(name, std::move(words), [to](const fs::path &f) { fs::resize_file(f / kWeights, to); });
        };
        cut("empty weights", 0, {kWeights, "too short"});
        cut("weights cut in the length", below(8), {kWeights, "too short"});
        cut("weights cut in the header", 9 + below(header - 2), {kWeights, "header length"});
        cut("weights cut in the data", 8 + header + below(bytes - 8 - header),
            {kWeights, "outside the file", ".weight"});
        for (const std::uint64_t length : {std::uint64_t{1} << 63, std::uint64_t{1} << 32, ~std::uint64_t{0}}) {
            add(fmt::format("header of {} bytes", length), {kWeights, "header length"},
                [length](const fs::path &f) { setLength(f / kWeights, length); });
        }
        add("header of no byte", {kWeights, "JSON"}, [](const fs::path &f) { setLength(f / kWeights, 0); });
        add("header one byte short", {kWeights, "JSON"}, [](const fs::path &f) {
            changeHeader(f / kWeights, [](Json &) {}); // without padding
            std::uint64_t length = 0;
            std::memcpy(&length, contentOf(f / kWeights).data(), 8);
            setLength(f / kWeights, length - 1);
        });
        add("deep header", {kWeights}, [](const fs::path &f) {
            const std::string deep = "{\"a\":" + std::string(200000, '[');
            const std::uint64_t size = deep.size();
            writeFileAtomically(f / kWeights, std::string(reinterpret_cast<const char *>(&size), 8) + deep);
        });
        add("bytes behind the end", {kWeights, "belong to no tensor"},
            [](const fs::path &f) { changeBytes(f / kWeights, [](std::string &content) { content += "rest"; }); });
        add("weights are a folder", {kWeights, "no file"}, [](const fs::path &f) {
            fs::remove(f / kWeights);
            fs::create_directory(f / kWeights);
        });
        add("weights are a pipe", {kWeights, "no file"}, [](const fs::path &f) {
            fs::remove(f / kWeights);
            QCOMPARE(::mkfifo((f / kWeights).c_str(), 0600), 0);
        });
        add("weights are a link outwards", {kWeights, "link"}, [](const fs::path &f) {
            const fs::path outside = f.parent_path() / "outside.safetensors";
            fs::rename(f / kWeights, outside);
            fs::create_symlink(outside, f / kWeights);
        });
        add("weights are a link to themselves", {kWeights, "link"}, [](const fs::path &f) {
            fs::remove(f / kWeights);
            fs::create_symlink(kWeights, f / kWeights);
        });
        add("no weights", {kWeights}, [](const fs::path &f) { fs::remove(f / kWeights); });
    }

    /// What the header of a file says about one tensor.
    void header(const std::string &name, const std::string &of, std::vector<std::string> words,
                const std::function<void(Json &)> &change)
    {
        words.insert(words.end(), {kWeights, of});
        add(name, std::move(words),
            [of, change](const fs::path &f) { changeHeader(f / kWeights, [&](Json &all) { change(all.at(of)); }); });
    }

    void headers()
    {
        header("unknown dtype", tensor(), {"unknown dtype", "F31"}, [](Json &t) { t["dtype"] = "F31"; });
        header("wider dtype", tensor(), {"does not fit"}, [](Json &t) { t["dtype"] = "F64"; });
        header("narrower dtype", tensor(), {"does not fit"}, [](Json &t) { t["dtype"] = "BF16"; });
        header("whole numbers", tensor(), {"type of numbers", "I32"}, [](Json &t) { t["dtype"] = "I32"; });
        header("unsigned numbers", tensor(), {"type of numbers", "U32"}, [](Json &t) { t["dtype"] = "U32"; });
        header("dtype is a number", tensor(), {"dtype"}, [](Json &t) { t["dtype"] = 32; });
        header("one dimension more", tensor(), {"wrong shape"},
               [](Json &t) { t["shape"].insert(t["shape"].begin(), 1); });
        header("no dimension", tensor(), {"does not fit"}, [](Json &t) { t["shape"] = Json::array(); });
        header("negative size", tensor(), {"shape"}, [](Json &t) { t["shape"][0] = -1; });
        header("shape beyond 64 bits", tensor(), {"too large"}, [](Json &t) {
            t["shape"] = {std::int64_t{1} << 40, std::int64_t{1} << 40};
        });
        header("huge shape", tensor(), {"does not fit"},
               [](Json &t) { t["shape"] = Json::array({std::int64_t{1} << 40}); });
        header("broken size", tensor(), {"shape"}, [](Json &t) { t["shape"][0] = 1.5; });
        header("shape is text", tensor(), {"shape"}, [](Json &t) { t["shape"] = "[1]"; });
        const std::size_t far = std::size_t{1} << 40;
        const auto shift = [](std::int64_t by) {
            return [by](Json &t) {
                for (Json &offset : t["data_offsets"]) {
                    offset = offset.get<std::int64_t>() + by;
                }
            };
        };
        header("behind the end", tensor(), {"outside the file"}, shift(static_cast<std::int64_t>(far)));
        std::string second = tensor();
        while (beginsTheData(second)) {
            second = tensor();
        }
        header("overlap", second, {"overlaps"}, shift(-4));
        header("end before begin", tensor(), {"begin before end"},
               [](Json &t) { std::swap(t["data_offsets"][0], t["data_offsets"][1]); });
        header("offset beyond 63 bits", tensor(), {"data_offsets"},
               [](Json &t) { t["data_offsets"][1] = ~std::uint64_t{0}; });
        header("three offsets", tensor(), {"data_offsets"}, [](Json &t) { t["data_offsets"].push_back(8); });
        header("no offsets", tensor(), {"data_offsets"}, [](Json &t) { t.erase("data_offsets"); });
        header("no dtype", tensor(), {"dtype"}, [](Json &t) { t.erase("dtype"); });
        header("no shape", tensor(), {"no shape"}, [](Json &t) { t.erase("shape"); });
        header("unknown field", tensor(), {"unknown field"}, [](Json &t) { t["stride"] = 1; });
        header("entry is a list", tensor(), {}, [](Json &t) { t = Json::array({1}); });
        const std::string twice = tensor();
        add("name stands twice", {kWeights, twice, "twice"}, [twice](const fs::path &f) {
            std::string text;
            changeHeader(f / kWeights, [&](Json &all) { text = all.dump(); });
            const std::string entry = Json::parse(text).at(twice).dump();
            const std::string doubled = "{\"" + twice + "\":" + entry + "," + text.substr(1);
            const std::string content = contentOf(f / kWeights);
            const std::uint64_t size = doubled.size();
            writeFileAtomically(f / kWeights, std::string(reinterpret_cast<const char *>(&size), 8) + doubled +
                                                  content.substr(8 + text.size()));
        });
        add("metadata of numbers", {kWeights, "__metadata__"}, [](const fs::path &f) {
            changeHeader(f / kWeights, [](Json &all) { all["__metadata__"] = {{"format", 1}}; });
        });
    }

    /// The numbers of one tensor, written as a proper file.
    void numbers(const std::string &name, const std::string &of, std::vector<std::string> words,
                 const std::function<void(Draft &, Tensor &)> &change)
    {
        words.insert(words.end(), {kWeights, of});
        add(name, std::move(words), [this, of, change](const fs::path &f) {
            Draft draft = m_draft;
            Tensor copy = draft.tensors.at(of).clone();
            change(draft, copy);
            if (draft.tensors.count(of)) {
                draft.tensors[of] = copy.contiguous();
            }
            draft.write(f);
        });
    }

    void tensors()
    {
        for (int i = 0; i < 4; ++i) {
            const std::string gone = tensor();
            numbers(fmt::format("missing tensor {}", i), gone, {"missing tensor"},
                    [gone](Draft &draft, Tensor &) { draft.tensors.erase(gone); });
        }
        const std::string renamed = tensor();
        numbers("renamed tensor", renamed, {"missing tensor", "unexpected tensor", renamed + "s"},
                [renamed](Draft &draft, Tensor &t) {
                    draft.tensors.erase(renamed);
                    draft.tensors[renamed + "s"] = t;
                });
        numbers("cut tensor", tensor(), {"wrong shape"}, [](Draft &, Tensor &t) { t = t.narrow(0, 0, t.size(0) - 1); });
        numbers("longer tensor", tensor(), {"wrong shape"}, [](Draft &, Tensor &t) { t = t.repeat_interleave(2, 0); });
        numbers("empty tensor", tensor(), {"wrong shape"}, [](Draft &, Tensor &t) { t = t.narrow(0, 0, 0); });
        numbers("flat tensor", tensor(2), {"wrong shape"}, [](Draft &, Tensor &t) { t = t.flatten(); });
        const double infinity = std::numeric_limits<double>::infinity();
        for (const double value : {std::nan(""), infinity, -infinity}) {
            for (const bool last : {false, true}) {
                numbers(fmt::format("{} {}", value, last ? "at the end" : "at the begin"), tensor(), {"not finite"},
                        [value, last](Draft &, Tensor &t) { t.view({-1})[last ? t.numel() - 1 : 0].fill_(value); });
            }
        }
        numbers("NaN in bf16", tensor(2), {"not finite"}, [](Draft &, Tensor &t) {
            t = t.to(at::kBFloat16);
            t.view({-1})[1].fill_(std::nan(""));
        });
        numbers("infinity in fp16", tensor(2), {"not finite"}, [](Draft &, Tensor &t) {
            t = t.to(at::kHalf);
            t.view({-1})[1].fill_(1e30);
        });
        numbers("flags", tensor(), {"type of numbers", "U8"}, [](Draft &, Tensor &t) { t = t.gt(0).to(at::kByte); });
        numbers("long numbers", tensor(), {"type of numbers", "I64"}, [](Draft &, Tensor &t) { t = t.to(at::kLong); });
        numbers("fp8 without scales", head(), {"scales"}, [](Draft &, Tensor &t) { t = t.to(at::kFloat8_e4m3fn); });
        numbers("fp8 for a vector", "model.norm.weight", {"fp8"},
                [](Draft &, Tensor &t) { t = t.to(at::kFloat8_e4m3fn); });
        const auto scaled = [name = scaleName(head())](const Tensor &scales) {
            return [scales, name](Draft &draft, Tensor &t) {
                t = t.to(at::kFloat8_e4m3fn);
                draft.tensors[name] = scales;
            };
        };
        const Tensor scales = at::ones(scaleShape(m_draft.tensors.at(head()).sizes().vec()));
        numbers("fp8 with too many scales", head(), {"wrong shape", scaleName(head())},
                scaled(scales.repeat_interleave(2, 0)));
        numbers("fp8 with whole scales", head(), {"type of numbers", scaleName(head())}, scaled(scales.to(at::kLong)));
        numbers("fp8 with NaN scales", head(), {"not finite", scaleName(head())}, scaled(scales * std::nan("")));
        const std::string extra = "model.layers.0.self_attn.extra.weight";
        add("extra tensor", {kWeights, extra, "unexpected"}, [this, extra](const fs::path &f) {
            Draft draft = m_draft;
            draft.tensors[extra] = draft.tensors.at("model.norm.weight");
            draft.write(f);
        });
    }

    void config(const std::string &name, std::vector<std::string> words, const std::function<void(Json &)> &change)
    {
        add(name, std::move(words), [this, change](const fs::path &f) {
            Draft draft = m_draft;
            change(draft.config);
            draft.writeConfig(f);
        });
    }

    /// The largest matrix that is in every model; tied embeddings are their own head.
    std::string head() const
    {
        return m_draft.tensors.count("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight";
    }
    bool mla() const { return m_draft.config.contains("kv_lora_rank"); }
    bool indexed() const { return m_draft.config.contains("index_topk"); }

    /// Keys that shape the model; each must be there.
    std::vector<std::string> requiredKeys() const
    {
        std::vector<std::string> keys = {"model_type",
                                         "vocab_size",
                                         "hidden_size",
                                         "intermediate_size",
                                         "moe_intermediate_size",
                                         "num_hidden_layers",
                                         "num_attention_heads",
                                         "num_key_value_heads",
                                         "max_position_embeddings",
                                         "n_routed_experts",
                                         "n_shared_experts",
                                         "num_experts_per_tok",
                                         "n_group",
                                         "topk_group",
                                         "routed_scaling_factor",
                                         "norm_topk_prob",
                                         "first_k_dense_replace",
                                         "rms_norm_eps"};
        if (mla()) {
            keys.insert(keys.end(),
                        {"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"});
        } else {
            keys.push_back("head_dim");
        }
        if (indexed()) {
            keys.insert(keys.end(), {"index_n_heads", "index_head_dim", "index_topk"});
        }
        return keys;
    }

    void keys()
    {
        const std::vector<std::string> required = requiredKeys();
        for (const std::string &key : required) {
            config("no " + key, {kConfig, key, "missing key"}, [key](Json &c) { c.erase(key); });
            config("misspelled " + key, {kConfig, key, "missing key"}, [key](Json &c) {
                c[key + "s"] = c.at(key);
                c.erase(key);
            });
        }
        config("no rope_theta", {kConfig, "rope_theta"}, [](Json &c) { c["rope_parameters"].erase("rope_theta"); });
        const Json values[] = {"32", -3, std::int64_t{1} << 40, nullptr, Json::array({1}), Json::object(), "", 1e300};
        int turn = 0;
        for (const std::string &key : required) {
            if (key == "q_lora_rank" && m_draft.config.at("model_type") == "deepseek_v3") {
                continue; // null means another model there
            }
            const Json value = values[turn++ % std::size(values)];
            if (key == "routed_scaling_factor" && value == 1e300) {
                continue;
            }
            config(key + " is " + value.dump(), {kConfig, key}, [key, value](Json &c) { c[key] = value; });
        }
        config("unknown rope", {kConfig, "rope_parameters.rope_type", "longrope"},
               [](Json &c) { c["rope_parameters"]["rope_type"] = "longrope"; });
        config("rope is text", {kConfig, "rope_parameters"}, [](Json &c) { c["rope_parameters"] = "yarn"; });
        config("yarn without factor", {kConfig, "rope_parameters.factor"}, [](Json &c) {
            c["rope_parameters"] = {{"rope_type", "yarn"}, {"rope_theta", 1e4}};
        });
        config("yarn turned round", {kConfig, "beta_slow"}, [](Json &c) {
            c["rope_parameters"] = {{"rope_type", "yarn"},
                                    {"rope_theta", 1e4},
                                    {"partial_rotary_factor", 0.5},
                                    {"factor", 4},
                                    {"original_max_position_embeddings", 16},
                                    {"beta_fast", 1},
                                    {"beta_slow", 9}};
        });
        config("unknown model", {kConfig, "model_type", "Did you mean"},
               [](Json &c) { c["model_type"] = c["model_type"].get<std::string>() + "x"; });
        config("other activation", {kConfig, "hidden_act", "gelu"}, [](Json &c) { c["hidden_act"] = "gelu"; });
        config("other router", {kConfig, "scoring_func"}, [](Json &c) { c["scoring_func"] = "softmax"; });
        config("other quantisation", {kConfig, "quantization_config.quant_method"}, [](Json &c) {
            c["quantization_config"] = {{"quant_method", "gptq"}};
        });
        config("other blocks", {kConfig, "quantization_config.weight_block_size", "[64,64]", "[128,128]"}, [](Json &c) {
            c["quantization_config"] = {{"quant_method", "fp8"}, {"weight_block_size", {64, 64}}};
        });
    }

    /// Sizes that no file of this length can hold: refused before memory is taken for them.
    void sizes()
    {
        for (const char *key : {"vocab_size", "hidden_size", "num_attention_heads", "intermediate_size"}) {
            if (std::string(key) == "intermediate_size" && m_draft.config.at("first_k_dense_replace") == 0) {
                continue; // no layer has it
            }
            config(std::string("huge ") + key, {kConfig, key}, [this, key](Json &c) {
                c[key] = 60'000'000;
                if (mla() && std::string(key) == "num_attention_heads") {
                    c["num_key_value_heads"] = 60'000'000;
                }
            });
        }
        config("very many layers", {kConfig, "num_hidden_layers"}, [](Json &c) {
            c["num_hidden_layers"] = 60'000;
            c["mlp_layer_types"] = c["layer_types"] = c["indexer_types"] = nullptr;
        });
        config("very many experts", {kConfig, "n_routed_experts"}, [](Json &c) { c["n_routed_experts"] = 60'000'000; });
        if (indexed()) {
            config("huge indexer", {kConfig, "index_n_heads"}, [](Json &c) {
                c["index_n_heads"] = 60'000'000;
                c["index_head_dim"] = 60'000'000;
            });
        }
    }

    /// Two things that cannot both be.
    void contradictions()
    {
        config("groups that do not divide", {kConfig, "n_group", "divisor"},
               [](Json &c) { c["n_group"] = c["n_routed_experts"].get<int>() - 1; });
        config("more groups kept than there are", {kConfig, "topk_group"},
               [](Json &c) { c["topk_group"] = c["n_group"].get<int>() + 1; });
        config("more experts a token than there are", {kConfig, "num_experts_per_tok"},
               [](Json &c) { c["num_experts_per_tok"] = c["n_routed_experts"].get<int>() + 1; });
        config("fewer layers than weights", {kWeights, "unexpected tensor", "model.layers."}, [](Json &c) {
            c["num_hidden_layers"] = c["num_hidden_layers"].get<int>() - 1;
            c["num_nextn_predict_layers"] = 0;
            c["mlp_layer_types"] = c["layer_types"] = nullptr;
            if (c.contains("indexer_types")) {
                c["indexer_types"].erase(c["indexer_types"].size() - 1);
            }
        });
        config("one layer more", {kWeights, "missing tensor", "model.layers."}, [](Json &c) {
            c["num_hidden_layers"] = c["num_hidden_layers"].get<int>() + 1;
            c["mlp_layer_types"] = c["layer_types"] = nullptr;
            if (c.contains("indexer_types")) {
                c["indexer_types"].push_back("full");
            }
        });
        const bool dense = m_draft.config.at("first_k_dense_replace") > 0;
        config("the first layer is of the other kind",
               {kWeights, dense ? "model.layers.0.mlp.gate.weight" : "model.layers.0.mlp.gate_proj.weight"},
               [dense](Json &c) {
                   c["first_k_dense_replace"] = dense ? 0 : 1;
                   c["mlp_layer_types"] = nullptr;
               });
        config("too few kinds of layers", {kConfig, "mlp_layer_types"},
               [](Json &c) { c["mlp_layer_types"] = Json::array({"dense"}); });
        const bool tied = m_draft.config.value("tie_word_embeddings", false);
        config("tied and not", {kWeights, "lm_head.weight", tied ? "missing" : "unexpected"},
               [tied](Json &c) { c["tie_word_embeddings"] = !tied; });
        const bool bias = m_draft.config.value("attention_bias", false);
        config("biases", {kWeights, bias ? "unexpected tensor" : "missing tensor", "_proj", ".bias"},
               [bias](Json &c) { c["attention_bias"] = !bias; });
        if (mla()) {
            config("fewer key heads", {kConfig, "num_key_value_heads"}, [](Json &c) { c["num_key_value_heads"] = 1; });
            config("odd rotation", {kConfig, "qk_rope_head_dim", "even"}, [](Json &c) { c["qk_rope_head_dim"] = 7; });
        } else {
            config("key heads that do not divide", {kConfig, "num_key_value_heads", "divisor"},
                   [](Json &c) { c["num_key_value_heads"] = c["num_attention_heads"].get<int>() + 1; });
            for (const double share : {1e300, -0.5, 1.01}) {
                config(fmt::format("{} rotated", share), {kConfig, "partial_rotary_factor"},
                       [share](Json &c) { c["rope_parameters"]["partial_rotary_factor"] = share; });
            }
        }
        if (!indexed()) {
            return;
        }
        config("indexer under a dense class", {kWeights, "unexpected tensor", ".indexer.", "model_type"},
               [](Json &c) { c["model_type"] = "deepseek_v3"; });
        config("null query latent", {kConfig, "q_lora_rank", "got null", "a whole number"},
               [](Json &c) { c["q_lora_rank"] = nullptr; });
        config("other main rotation", {kConfig, "rope_interleave"}, [](Json &c) { c["rope_interleave"] = false; });
        const bool interleaved = m_draft.config.at("model_type") == "glm_moe_dsa";
        config("other indexer rotation", {kConfig, "indexer_rope_interleave"},
               [interleaved](Json &c) { c["indexer_rope_interleave"] = !interleaved; });
        config("other kind of layers", {kConfig, "layer_types"}, [](Json &c) {
            c["layer_types"] = Json::array();
            for (int i = 0; i < c["num_hidden_layers"].get<int>(); ++i) {
                c["layer_types"].push_back("sliding_attention");
            }
        });
        config("narrow indexer", {kConfig, "index_head_dim"}, [](Json &c) { c["index_head_dim"] = 2; });
        if (interleaved) {
            const int layers = m_draft.config.at("num_hidden_layers");
            config("nothing to share", {kConfig, "indexer_types[0]"},
                   [layers](Json &c) { c["indexer_types"] = std::vector<std::string>(layers, "shared"); });
            config("pattern of another length", {kConfig, "index_topk_pattern"}, [](Json &c) {
                c.erase("indexer_types");
                c["index_topk_pattern"] = "F";
            });
        }
    }

    void configFiles()
    {
        const auto written = [&](const std::string &name, const std::string &content) {
            add("config: " + name, {kConfig},
                [content](const fs::path &f) { writeFileAtomically(f / kConfig, content); });
        };
        const std::string text = m_draft.config.dump(2);
        written("empty", "");
        written("cut", text.substr(0, below(text.size() - 2) + 1));
        written("a list", "[1, 2]");
        written("a number", "7");
        written("deep", std::string(100000, '['));
        written("a key twice", "{\"vocab_size\": 1," + text.substr(1));
        written("not UTF-8", "{\"model_type\": \"\xff\xfe\"}");
        written("a NUL", std::string("{\"model_type\": \"a\0\"}", 20));
        add("config: gone", {kConfig}, [](const fs::path &f) { fs::remove(f / kConfig); });
        add("config: larger than any", {kConfig}, [](const fs::path &f) { fs::resize_file(f / kConfig, 17u << 20); });
        add("config: a folder", {kConfig}, [](const fs::path &f) {
            fs::remove(f / kConfig);
            fs::create_directory(f / kConfig);
        });
        add("config: a link outwards", {kConfig, "link"}, [](const fs::path &f) {
            fs::rename(f / kConfig, f.parent_path() / "outside.json");
            fs::create_symlink(f.parent_path() / "outside.json", f / kConfig);
        });
    }

    void sharded(const std::string &name, std::vector<std::string> words,
                 const std::function<void(const fs::path &, Json &)> &change)
    {
        add("shards: " + name, std::move(words), [this, change](const fs::path &f) {
            fs::remove(f / kWeights);
            Json map = m_draft.writeShards(f, 3);
            change(f, map);
        });
    }

    void shards()
    {
        const std::string outside[] = {"../outside.safetensors",
                                       "/etc/passwd",
                                       "..",
                                       ".",
                                       "",
                                       "a/b.safetensors",
                                       "..\\outside.safetensors",
                                       std::string("model\0.safetensors", 18)};
        for (const std::string &name : outside) {
            const std::string of = tensor();
            sharded("leads to " + Json(name).dump(), {kIndex, of, "not a file of the checkpoint folder"},
                    [of, name](const fs::path &f, Json &map) {
                        map[of] = name;
                        Draft::writeIndex(f, map);
                    });
        }
        for (const Json &value : {Json(7), Json(), Json::array({"x"}), Json::object()}) {
            const std::string of = tensor();
            sharded("file is " + value.dump(), {kIndex, of}, [of, value](const fs::path &f, Json &map) {
                map[of] = value;
                Draft::writeIndex(f, map);
            });
        }
        const std::string third = "model-00003-of-00003.safetensors", of = tensor();
        sharded("a file that is not there", {"model-00009-of-00003.safetensors", kIndex, of},
                [of](const fs::path &f, Json &map) {
                    map[of] = "model-00009-of-00003.safetensors";
                    Draft::writeIndex(f, map);
                });
        sharded("a file that is none", {kConfig, kIndex, of}, [of](const fs::path &f, Json &map) {
            map[of] = kConfig;
            Draft::writeIndex(f, map);
        });
        sharded("another file than said", {of, "missing tensor"}, [of](const fs::path &f, Json &map) {
            map[of] = map[of] == "model-00001-of-00003.safetensors" ? "model-00002-of-00003.safetensors"
                                                                    : "model-00001-of-00003.safetensors";
            Draft::writeIndex(f, map);
        });
        sharded("a name of nothing", {"model.layers.0.nothing"}, [third](const fs::path &f, Json &map) {
            map["model.layers.0.nothing"] = third;
            Draft::writeIndex(f, map);
        });
        sharded("a shard is a link outwards", {third, "link"}, [third](const fs::path &f, Json &) {
            fs::rename(f / third, f.parent_path() / "outside.safetensors");
            fs::create_symlink("../outside.safetensors", f / third);
        });
        sharded("a shard is a pipe", {third}, [third](const fs::path &f, Json &) {
            fs::remove(f / third);
            QCOMPARE(::mkfifo((f / third).c_str(), 0600), 0);
        });
        sharded("a shard is gone", {third, kIndex}, [third](const fs::path &f, Json &) { fs::remove(f / third); });
        sharded("a shard is cut", {third, "outside the file"},
                [third](const fs::path &f, Json &) { fs::resize_file(f / third, fs::file_size(f / third) - 1); });
        sharded("a tensor in two of them", {third, "in two files"}, [third](const fs::path &f, Json &) {
            std::map<std::string, Tensor> tensors;
            for (const char *file : {"model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"}) {
                const SafetensorsFile shard(f / file);
                for (const auto &[name, view] : shard.tensors()) {
                    tensors[name] = toTensor(view, name);
                }
            }
            Draft::writeTensors(f / third, tensors);
        });
        sharded("an index without map", {kIndex, "weight_map"},
                [](const fs::path &f, Json &) { writeFileAtomically(f / kIndex, "{\"metadata\": {}}"); });
        sharded("an empty map", {kIndex, "weight_map"},
                [](const fs::path &f, Json &) { Draft::writeIndex(f, Json::object()); });
        sharded("a file of two lines", {kIndex, of, R"("two\nlines")"}, [of](const fs::path &f, Json &map) {
            map[of] = "two\nlines";
            Draft::writeIndex(f, map);
        });
        sharded("a tensor of two lines", {kIndex, R"(two\x0alines)"}, [third](const fs::path &f, Json &map) {
            map["two\nlines"] = third;
            Draft::writeIndex(f, map);
        });
        sharded("a map that is a list", {kIndex, "weight_map"},
                [](const fs::path &f, Json &) { writeFileAtomically(f / kIndex, "{\"weight_map\": [1]}"); });
        sharded("a cut index", {kIndex},
                [](const fs::path &f, Json &) { fs::resize_file(f / kIndex, fs::file_size(f / kIndex) / 2); });
        sharded("a deep index", {kIndex}, [](const fs::path &f, Json &) {
            writeFileAtomically(f / kIndex, "{\"weight_map\":" + std::string(100000, '{'));
        });
        const std::string left = tensor();
        sharded("a tensor that the index leaves out", {".safetensors: " + left, kIndex, "index does not name"},
                [left](const fs::path &f, Json &map) {
                    map.erase(left);
                    Draft::writeIndex(f, map);
                });
        sharded("an index outside", {kIndex, "link"}, [](const fs::path &f, Json &) {
            fs::rename(f / kIndex, f.parent_path() / "outside.json");
            fs::create_symlink(f.parent_path() / "outside.json", f / kIndex);
        });
    }

    bool beginsTheData(const std::string &name) const
    {
        const SafetensorsFile file(m_file);
        for (const auto &[other, view] : file.tensors()) {
            if (view.data < file.at(name).data) {
                return false;
            }
        }
        return true;
    }

    fs::path m_file;
    Draft m_draft;
    std::mt19937 m_random;
};

} // namespace sparsescope::truth
