#include "core/model/inspect_door.h"

#include "core/base/config_words.h"
#include "core/base/remedies.h"
#include "core/model/checkpoint_notices.h"
#include "core/model/hf_checkpoint.h"

#include <ATen/core/Tensor.h>

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {

namespace {

std::string attentionText(const ModelOptions &options)
{
    if (options.attention == AttentionKind::Mla) {
        return fmt::format("MLA, {} heads", options.nHeads);
    }
    return options.nKvHeads == options.nHeads
               ? fmt::format("MHA, {} heads", options.nHeads)
               : fmt::format("GQA, {} heads, {} of keys", options.nHeads, options.nKvHeads);
}

std::string indexerText(const ModelOptions &options, int layer)
{
    if (options.indexHeads == 0) {
        return "none";
    }
    if (options.ownsIndexer.at(layer)) {
        return fmt::format("own, {} heads of {}", options.indexHeads, options.indexHeadDim);
    }
    int owner = layer;
    while (!options.ownsIndexer.at(owner)) {
        --owner;
    }
    return fmt::format("set of layer {}", owner);
}

std::string feedForwardText(const ModelOptions &options, int layer)
{
    const MoeOptions &moe = options.moe;
    if (moe.nExperts == 0 || layer < moe.firstDense) {
        return fmt::format("{} wide", options.dFf);
    }
    return fmt::format("{} of {} experts, {} wide", moe.expertsPerToken, moe.nExperts, moe.dExpert);
}

std::string ropeText(const ModelOptions &options)
{
    const char *style = options.rope == RopeStyle::Interleaved ? "interleaved" : "half-split";
    std::string text = fmt::format("{} of {} dimensions, {}, base {}", options.rotaryDims(), options.qkHeadDim(), style,
                                   options.ropeTheta);
    if (options.yarn) {
        text += fmt::format(", YaRN factor {} over {} positions", options.yarn->factor,
                            options.yarn->originalMaxPositionEmbeddings);
    }
    return text;
}

std::vector<std::pair<std::string, std::string>> factsOf(const ModelOptions &options)
{
    std::vector<std::pair<std::string, std::string>> facts = {
        {"Vocabulary", std::to_string(options.vocabulary)},
        {"Width", std::to_string(options.dModel)},
        {"Layers", std::to_string(options.nLayers)},
        {"Attention", attentionText(options)},
        {"Rotation", ropeText(options)},
        {"Positions", std::to_string(options.maxPositions)},
        {"Norm eps", fmt::format("{}", options.normEps)},
        {"Head", options.tieEmbeddings ? "tied to the embedding" : "its own"},
    };
    if (options.attention == AttentionKind::Mla) {
        facts.emplace_back("Latents", fmt::format("keys {}, queries {}", options.kvLoraRank,
                                                  options.qLoraRank ? std::to_string(*options.qLoraRank) : "none"));
    }
    if (options.selector != "none") {
        facts.emplace_back("Selection", fmt::format("{}, k {}", options.selector, options.topK));
    }
    if (options.indexHeads > 0) {
        const auto own = std::count(options.ownsIndexer.begin(), options.ownsIndexer.end(), true);
        const char *style = options.indexRope == RopeStyle::Interleaved ? "interleaved" : "half-split";
        facts.emplace_back("Indexers", fmt::format("{} of {} layers, {} heads of {}, {}, rotation {}", own,
                                                   options.nLayers, options.indexHeads, options.indexHeadDim,
                                                   wordOf(options.indexActivation), style));
    }
    const MoeOptions &moe = options.moe;
    if (moe.nExperts > 0) {
        facts.emplace_back("Experts", fmt::format("{} of {} a token, {} shared, {} of {} groups, from layer {}",
                                                  moe.expertsPerToken, moe.nExperts, moe.nShared, moe.topGroups,
                                                  moe.nGroups, moe.firstDense));
    }
    return facts;
}

} // namespace

CheckpointInspection inspectCheckpoint(const std::filesystem::path &folder)
{
    const HfCheckpoint checkpoint(folder);
    const ModelOptions &options = checkpoint.options();
    CheckpointInspection result;
    result.modelType = options.modelType;
    result.vocabulary = options.vocabulary;
    const nlohmann::ordered_json written = toHfConfig(options);
    result.architecture = written.contains("architectures") ? written.at("architectures").at(0).get<std::string>() : "";
    result.facts = factsOf(options);
    result.layers.resize(static_cast<std::size_t>(options.nLayers) + 1);
    for (int layer = 0; layer < options.nLayers; ++layer) {
        result.layers[layer + 1] = {layer, attentionText(options), indexerText(options, layer),
                                    feedForwardText(options, layer)};
    }
    const WeightFiles &files = checkpoint.files();
    const auto add = [&](const std::string &name, int layer, bool counts) {
        const WeightFiles::Place &place = files.tensors().at(name);
        const TensorView &view = *place.view;
        InspectedLayer &owner = result.layers[layer + 1];
        owner.tensors.push_back({name, view.dtype, view.shape, view.bytes, place.file->path().filename().string()});
        owner.bytes += view.bytes;
        owner.numbers += counts ? view.bytes / elementSize(view.dtype) : 0;
    };
    for (const HfTensor &tensor : checkpoint.tensors()) {
        if (files.contains(tensor.name)) {
            add(tensor.name, tensor.layer, true);
        }
        const std::string scales = scaleName(tensor.name);
        if (files.contains(scales)) {
            add(scales, tensor.layer, false);
        }
    }
    for (const InspectedLayer &layer : result.layers) {
        result.numbers += layer.numbers;
        result.bytes += layer.bytes;
        result.largestLayer = std::max(result.largestLayer, layer.bytes);
        for (const InspectedTensor &tensor : layer.tensors) {
            result.bytesOfType[tensor.dtype] += tensor.bytes;
        }
    }
    for (const auto &file : files.files()) {
        std::error_code code;
        const std::uintmax_t bytes = std::filesystem::file_size(file->path(), code);
        result.files.push_back(
            {file->path().filename().string(), code ? 0 : bytes, static_cast<int>(file->tensors().size())});
    }
    result.ignoredTensors = checkpoint.ignored();
    result.notices = unreadParts(folder);
    result.problems = checkpoint.problems();
    return result;
}

std::vector<TensorNumbers> numbersOfLayer(const std::filesystem::path &folder, int layer)
{
    const HfCheckpoint checkpoint(folder);
    if (layer < -1 || layer >= checkpoint.options().nLayers) {
        throw Failure({"no such layer", nameOf(Place::Layer), std::to_string(layer),
                       fmt::format("0 to {}, or -1 for what is around the layers", checkpoint.options().nLayers - 1),
                       ""});
    }
    std::vector<TensorNumbers> result;
    for (const HfTensor &tensor : checkpoint.tensors()) {
        if (tensor.layer != layer || !checkpoint.files().contains(tensor.name)) {
            continue;
        }
        TensorNumbers numbers;
        numbers.name = tensor.name;
        try {
            const at::Tensor values = checkpoint.files().read(tensor.name).to(at::kDouble);
            numbers.mean = values.mean().item<double>();
            numbers.deviation = values.std(/*unbiased=*/false).item<double>();
            numbers.low = values.min().item<double>();
            numbers.high = values.max().item<double>();
        } catch (const Failure &failure) {
            numbers.problem = failure.error();
        }
        result.push_back(std::move(numbers));
    }
    return result;
}

} // namespace sparsescope
