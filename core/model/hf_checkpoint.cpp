#include "core/model/hf_checkpoint.h"

#include "core/base/damage_failure.h"
#include "core/base/json_reader.h"
#include "core/base/stored_json.h"
#include "core/model/transformer.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace sparsescope {

namespace {

constexpr std::size_t kMostProblems = 20;

/// On disk the experts of a layer are apart; in memory they are one tensor.
constexpr std::string_view kFusedGateUp = "experts.gate_up_proj", kFusedDown = "experts.down_proj";

/// The number behind "model.layers."; -1 for any other name.
int layerOf(const std::string &name)
{
    constexpr std::string_view start = "model.layers.";
    int layer = -1;
    if (name.starts_with(start)) {
        const char *end = name.data() + name.size();
        const auto [rest, error] = std::from_chars(name.data() + start.size(), end, layer);
        return error == std::errc() && rest != end && *rest == '.' ? layer : -1;
    }
    return layer;
}

std::filesystem::path configFileOf(const std::filesystem::path &folder)
{
    const std::filesystem::path file = checkpointFile(folder, "config.json");
    if (!std::filesystem::exists(file)) {
        throw Failure({"no checkpoint", folder.string(), "no config.json",
                       "a folder with config.json and model.safetensors", ""});
    }
    return file;
}

ModelOptions optionsOf(const nlohmann::ordered_json &config, const std::filesystem::path &file)
{
    try {
        return modelOptionsFromHf(nlohmann::json(config), file.string());
    } catch (const ConfigFailure &failure) {
        throw DamageFailure(failure.errors());
    }
}

/// Numbers of a model of these options, in double: hostile sizes do not overflow it.
double numbersIn(const ModelOptions &options)
{
    const double width = options.dModel, heads = options.nHeads, layers = options.nLayers;
    double attention = 0;
    if (options.attention == AttentionKind::Mla) {
        const double rank = options.qLoraRank.value_or(0);
        attention = rank > 0 ? rank * (width + heads * options.qkHeadDim()) : width * heads * options.qkHeadDim();
        attention += width * (1.0 * options.kvLoraRank + options.qkRopeHeadDim);
        attention += heads * (1.0 * options.qkNopeHeadDim + options.vHeadDim) * options.kvLoraRank +
                     heads * options.vHeadDim * width;
    } else {
        attention = width * options.headDim * (2 * heads + 2.0 * options.nKvHeads);
    }
    const double source = options.attention == AttentionKind::Mla ? options.qLoraRank.value_or(options.dModel) : width;
    const double indexer = options.indexHeads * (options.indexHeadDim * source + width) + options.indexHeadDim * width;
    const double indexers = std::count(options.ownsIndexer.begin(), options.ownsIndexer.end(), true);
    const int denseLayers =
        options.moe.nExperts > 0 ? std::min(options.moe.firstDense, options.nLayers) : options.nLayers;
    const double feedForward =
        denseLayers * 3.0 * width * options.dFf +
        (layers - denseLayers) * 3.0 * width * options.moe.dExpert * (1.0 * options.moe.nExperts + options.moe.nShared);
    return (options.tieEmbeddings ? 1.0 : 2.0) * options.vocabulary * width + layers * attention + indexers * indexer +
           feedForward;
}

/// The fields that make a model large, for the message.
std::string sizesOf(const ModelOptions &options)
{
    const std::pair<const char *, int> sizes[] = {{"vocab_size", options.vocabulary},
                                                  {"hidden_size", options.dModel},
                                                  {"num_hidden_layers", options.nLayers},
                                                  {"num_attention_heads", options.nHeads},
                                                  {"intermediate_size", options.dFf},
                                                  {"n_routed_experts", options.moe.nExperts},
                                                  {"moe_intermediate_size", options.moe.dExpert},
                                                  {"index_n_heads", options.indexHeads}};
    std::string text;
    for (const auto &[name, size] : sizes) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, size);
    }
    return text;
}

bool isFloating(const std::string &dtype)
{
    static const std::set<std::string> kinds = {"F32", "F64", "BF16", "F16", "F8_E4M3"};
    return kinds.count(dtype) > 0;
}

} // namespace

std::vector<HfTensor> onDisk(const Parameters::Entry &parameter)
{
    const std::vector<std::int64_t> shape = parameter.tensor.sizes().vec();
    const std::string &name = parameter.name;
    const int layer = layerOf(name);
    const bool gateUp = name.ends_with(kFusedGateUp);
    if (!gateUp && !name.ends_with(kFusedDown)) {
        return {{name, shape, layer, parameter.keepFloat32}};
    }
    const std::string prefix = name.substr(0, name.rfind('.') + 1);
    std::vector<HfTensor> experts;
    for (std::int64_t e = 0; e < shape[0]; ++e) {
        const std::string expert = prefix + std::to_string(e) + ".";
        if (gateUp) {
            experts.push_back({expert + "gate_proj.weight", {shape[1] / 2, shape[2]}, layer, parameter.keepFloat32});
            experts.push_back({expert + "up_proj.weight", {shape[1] / 2, shape[2]}, layer, parameter.keepFloat32});
        } else {
            experts.push_back({expert + "down_proj.weight", {shape[1], shape[2]}, layer, parameter.keepFloat32});
        }
    }
    return experts;
}

at::Tensor partOnDisk(const Parameters::Entry &parameter, const at::Tensor &whole, std::size_t i)
{
    const bool gateUp = parameter.name.ends_with(kFusedGateUp);
    if (!gateUp && !parameter.name.ends_with(kFusedDown)) {
        return whole;
    }
    const std::int64_t place = static_cast<std::int64_t>(i), perExpert = gateUp ? 2 : 1;
    const std::int64_t rows = whole.size(1) / perExpert;
    return whole.select(0, place / perExpert).narrow(0, place % perExpert * rows, rows);
}

HfCheckpoint::HfCheckpoint(const std::filesystem::path &folder)
    : m_folder(folder)
    , m_configFile(configFileOf(folder))
    , m_config(readStoredJson(m_configFile, "Restore it from a copy, or take another checkpoint."))
    , m_options(optionsOf(m_config, m_configFile))
    , m_files(folder)
{
    demandPlausible();
    const Transformer plan(m_options, Transformer::Start::Hollow);
    for (const Parameters::Entry &parameter : plan.parameters().entries()) {
        for (HfTensor &tensor : asStored(parameter)) {
            compare(tensor);
            m_tensors.push_back(std::move(tensor));
        }
    }
    findUnexpected();
}

std::vector<HfTensor> HfCheckpoint::asStored(const Parameters::Entry &parameter) const
{
    if (m_files.contains(parameter.name)) {
        return {{parameter.name, parameter.tensor.sizes().vec(), layerOf(parameter.name), parameter.keepFloat32}};
    }
    return onDisk(parameter);
}

/// Before names are made for it: a model of these sizes fits into the files at all.
void HfCheckpoint::demandPlausible() const
{
    const double numbers = numbersIn(m_options);
    if (numbers > static_cast<double>(m_files.bytes())) {
        throw Failure({"config.json asks for a larger model than the weights hold", m_configFile.string(),
                       fmt::format("{:.4g} numbers in {} bytes ({})", numbers, m_files.bytes(), sizesOf(m_options)),
                       "sizes of the model that was saved", ""});
    }
    const std::size_t norms = 2 * static_cast<std::size_t>(m_options.nLayers);
    if (norms > m_files.tensors().size()) {
        throw Failure(
            {"config.json asks for more layers than the weights hold", m_configFile.string() + ": num_hidden_layers",
             std::to_string(m_options.nLayers),
             fmt::format("at most {}, for {} tensors", m_files.tensors().size() / 2, m_files.tensors().size()),
             "Give the number of layers that was saved."});
    }
}

void HfCheckpoint::problem(Error error)
{
    if (m_problems.size() < kMostProblems) {
        m_problems.push_back(std::move(error));
    }
}

void HfCheckpoint::compare(const HfTensor &tensor)
{
    m_known.insert(tensor.name);
    const std::string where = m_files.where(tensor.name);
    if (!m_files.contains(tensor.name)) {
        problem({"missing tensor", where, "nothing", shapeText(tensor.shape), ""});
        return;
    }
    const TensorView &view = m_files.view(tensor.name);
    if (view.shape != tensor.shape) {
        problem({"wrong shape", where, shapeText(view.shape), shapeText(tensor.shape), ""});
    }
    if (!isFloating(view.dtype)) {
        problem({"wrong type of numbers", where, view.dtype, "F32, F64, BF16, F16 or F8_E4M3", ""});
    }
    if (view.dtype != "F8_E4M3") {
        return;
    }
    const std::string scales = scaleName(tensor.name);
    m_known.insert(scales);
    if (tensor.shape.size() != 2 || tensor.keepFloat32) {
        problem({"fp8 where there is no such thing", where, view.dtype + " " + shapeText(view.shape),
                 "fp8 only for matrices, not for the router", ""});
    } else if (!m_files.contains(scales)) {
        problem({"fp8 weights without their scales", where, "no " + scales, "one scale a block of 128 x 128", ""});
    } else if (m_files.view(scales).shape != scaleShape(tensor.shape)) {
        problem({"wrong shape", m_files.where(scales), shapeText(m_files.view(scales).shape),
                 shapeText(scaleShape(tensor.shape)), ""});
    } else if (!isFloating(m_files.view(scales).dtype) || m_files.view(scales).dtype == "F8_E4M3") {
        problem({"wrong type of numbers", m_files.where(scales), m_files.view(scales).dtype, "F32", ""});
    }
}

/// Layers that predict further tokens stand behind the last one; num_nextn_predict_layers says how many.
bool HfCheckpoint::isIgnored(const std::string &name) const
{
    if (name.ends_with("rotary_emb.inv_freq")) {
        return true;
    }
    const auto key = m_config.find("num_nextn_predict_layers");
    const int further = key != m_config.end() && key->is_number_integer() ? std::clamp(key->get<int>(), 0, 64) : 0;
    const int layer = layerOf(name);
    return layer >= m_options.nLayers && layer < m_options.nLayers + further;
}

void HfCheckpoint::findUnexpected()
{
    for (const auto &[name, place] : m_files.tensors()) {
        if (m_known.count(name)) {
            continue;
        }
        if (isIgnored(name)) {
            ++m_ignored;
            continue;
        }
        problem({"unexpected tensor", m_files.where(name), shapeText(place.view->shape),
                 "only tensors that config.json asks for", "Check model_type and the layer counts in config.json."});
    }
}

void HfCheckpoint::demandWhole() const
{
    if (!m_problems.empty()) {
        throw DamageFailure(m_problems);
    }
}

at::Tensor HfCheckpoint::read(const Parameters::Entry &parameter, at::ScalarType type) const
{
    const c10::NoGradGuard noGrad;
    const at::ScalarType wanted = parameter.keepFloat32 && type != at::kDouble ? at::kFloat : type;
    if (m_files.contains(parameter.name)) {
        return m_files.read(parameter.name).to(wanted);
    }
    at::Tensor all = at::empty(parameter.tensor.sizes(), at::TensorOptions().dtype(wanted));
    const std::vector<HfTensor> experts = onDisk(parameter);
    for (std::size_t i = 0; i < experts.size(); ++i) {
        partOnDisk(parameter, all, i).copy_(m_files.read(experts[i].name));
    }
    return all;
}

} // namespace sparsescope
