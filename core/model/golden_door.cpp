#include "core/model/golden_door.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/safetensors.h"
#include "core/model/forward_results.h"
#include "core/model/golden_models.h"
#include "core/model/hf_weights.h"
#include "core/model/paged_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparsescope {

namespace {

constexpr std::int64_t kRows = 2, kTokens = 48;
constexpr double kSmallestGap = 1e-3; ///< fp32 arithmetic of any order stays below a tenth of it
constexpr int kMostSeeds = 200;

at::Tensor drawn(at::IntArrayRef shape, std::uint64_t seed)
{
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::empty(shape, at::TensorOptions().dtype(at::kFloat)).normal_(0.0, 1.0, generator);
}

/// Nothing starts at a value that hides a mistake: norms and biases are disturbed, and scores spread over tens.
void disturb(Transformer &model, std::uint64_t seed)
{
    const c10::NoGradGuard noGrad;
    std::uint64_t number = 1000 * (seed + 1);
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        ++number;
        if (entry.initialisation.kind != Initialisation::Kind::Normal) {
            entry.tensor.add_(drawn(entry.tensor.sizes(), number), 0.1);
        } else if (entry.name.ends_with("weights_proj.weight")) {
            entry.tensor.mul_(16.0);
        } else if (entry.name == "model.embed_tokens.weight") {
            entry.tensor.mul_(50.0);
        }
    }
}

/// Smallest distance between the k-th and the next best score of a row; infinite where no row has more than k visible keys.
double gapOf(const at::Tensor &scores, std::int64_t topK)
{
    const std::int64_t tokens = scores.size(1);
    if (topK >= tokens) {
        return std::numeric_limits<double>::infinity();
    }
    const at::Tensor visible = at::full({tokens, tokens}, 1, at::TensorOptions().dtype(at::kBool)).tril();
    const at::Tensor masked =
        at::where(visible, scores, at::full({}, -std::numeric_limits<double>::infinity(), scores.options()));
    const at::Tensor best = std::get<0>(at::sort(masked, -1, /*descending=*/true));
    const at::Tensor gaps = best.select(-1, topK - 1) - best.select(-1, topK);
    return gaps.narrow(1, topK, tokens - topK).min().item<double>();
}

/// The keys of a row in ascending order, -1 behind the last.
at::Tensor keysOf(const at::Tensor &selected, std::int64_t topK)
{
    const std::int64_t tokens = selected.size(-1);
    at::Tensor keys = at::full({selected.size(0), tokens, topK}, -1, at::TensorOptions().dtype(at::kInt));
    const at::Tensor bits = selected.contiguous();
    const auto *bit = bits.const_data_ptr<std::uint8_t>();
    auto *key = keys.mutable_data_ptr<std::int32_t>();
    for (std::int64_t row = 0; row < selected.size(0) * tokens; ++row) {
        std::int64_t found = 0;
        for (std::int64_t s = 0; s < tokens && found < topK; ++s) {
            if (bit[row * tokens + s]) {
                key[row * topK + found++] = static_cast<std::int32_t>(s);
            }
        }
    }
    return keys;
}

bool sameSelections(const NamedTensors &one, const NamedTensors &other)
{
    return std::all_of(one.begin(), one.end(), [&](const auto &item) {
        return !item.first.ends_with(".selected") || at::equal(item.second, other.at(item.first));
    });
}

/// Writes the model of one seed; false where it is too near a tie to be a fair test.
bool writeModel(const std::filesystem::path &folder, const GoldenKind &kind, GoldenModel &golden)
{
    ModelOptions options = kind.options;
    options.seed = golden.seed;
    Transformer model(options);
    disturb(model, golden.seed);
    saveCheckpoint(model, folder);
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(golden.seed);
    const at::Tensor ids =
        at::empty({kRows, kTokens}, at::TensorOptions().dtype(at::kLong)).random_(0, options.vocabulary, generator);

    // Read back: what others open is what the numbers belong to.
    const auto resultsIn = [&](at::ScalarType type) {
        PagedModel paged(folder, type);
        return forwardResults(paged.model(), ids, &paged);
    };
    NamedTensors results = resultsIn(at::kDouble);
    golden.gap = std::numeric_limits<double>::infinity();
    for (const auto &[name, tensor] : results) {
        if (name.ends_with(".index_scores")) {
            golden.gap = std::min(golden.gap, gapOf(tensor, options.topK));
        }
    }
    if (golden.gap < kSmallestGap || !sameSelections(results, resultsIn(at::kFloat))) {
        return false;
    }
    NamedTensors keys;
    for (const auto &[name, tensor] : results) {
        if (name.ends_with(".selected")) {
            keys[name + "_keys"] = keysOf(tensor, std::min(options.topK, kTokens));
        }
    }
    results.merge(keys);
    results["input_ids"] = ids;
    writeTensors(folder / "golden.safetensors", results,
                 {{"model_type", options.modelType}, {"selector", options.selector}});
    golden.gap = std::isfinite(golden.gap) ? golden.gap : 0.0;
    return true;
}

std::string readme(const std::vector<GoldenModel> &models)
{
    std::string text = fmt::format(
        R"(# Golden files: small models, what they score and which keys they select

Random weights from fixed seeds; no trained or published model is in here. Every folder is a checkpoint (`config.json`,
`model.safetensors` in float32, names as in Hugging Face transformers) with `golden.safetensors` beside it, the results of
float64 arithmetic on those weights. B {}, S {}.

| tensor | type | shape | meaning |
| --- | --- | --- | --- |
| input_ids | int64 | [B, S] | tokens |
| logits | float64 | [B, S, V] | output of the head, attention restricted to the selection |
| hidden.N | float64 | [B, S, D] | 0 the embedding, N after block N-1; the last after the final norm |
| layerN.index_scores | float64 | [B, S, S] | I[b, query, key] = sum over heads of w relu(q.k); 0 beyond the query |
| layerN.selected | uint8 | [B, S, S] | 1 = the query attends to the key |
| layerN.selected_keys | int32 | [B, S, min(k, S)] | the same as ascending key positions, -1 behind the last |

**To pass**: selected sets are equal as sets, every row; scores, hidden states and logits agree to rtol 1e-4, atol 1e-4 in
float32 (TF32 off). No row is near a tie: *gap* is the smallest distance between the k-th and the next score of a model, and
float32 arithmetic selects the same keys. A query with fewer than k visible keys selects exactly those, itself included, and
never one behind it. Norm weights and biases are disturbed on purpose, so that one left out is noticed.

A layer without index scores of its own uses the selection of the nearest earlier layer that has some. `model_type`s that
begin with `sparsescope_` have no class in transformers: plain attention with an indexer, latent attention without a query
latent, and selections that no indexer makes (`selector` in config.json says which).

| folder | model_type | selection | k | seed | gap | what it pins down |
| --- | --- | --- | --- | --- | --- | --- |
)",
        kRows, kTokens);
    for (const GoldenModel &model : models) {
        text += fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", model.name, model.modelType, model.selector,
                            model.topK > 0 ? std::to_string(model.topK) : "-", model.seed,
                            model.gap > 0 ? fmt::format("{:.1e}", model.gap) : "-", model.what);
    }
    return text;
}

} // namespace

std::vector<GoldenModel> writeGolden(const std::filesystem::path &folder,
                                     const std::function<void(const GoldenModel &)> &onModel)
{
    std::error_code code;
    if (std::filesystem::exists(folder, code) && !std::filesystem::is_empty(folder, code)) {
        throw ConfigFailure({{"the folder is not empty", "--out", folder.string(), "a new or an empty folder",
                              "Choose another name, or remove it."}});
    }
    std::vector<GoldenModel> models;
    for (const GoldenKind &kind : goldenKinds()) {
        GoldenModel golden{kind.name, kind.what, kind.options.modelType, kind.options.selector, kind.options.topK};
        while (!writeModel(folder / kind.name, kind, golden)) {
            if (++golden.seed == kMostSeeds) {
                throw Failure({"no seed is free of near ties", kind.name, fmt::format("{} tried", kMostSeeds), "", ""});
            }
        }
        models.push_back(golden);
        if (onModel) {
            onModel(golden);
        }
    }
    writeFileAtomically(folder / "README.md", readme(models));
    return models;
}

} // namespace sparsescope
