#include "core/model/hf_weights.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model/weight_files.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace sparsescope {

namespace {

constexpr std::size_t kMostErrors = 20;

/// On disk the experts of a layer are apart; in memory they are one tensor.
constexpr const char *kFusedGateUp = "experts.gate_up_proj";
constexpr const char *kFusedDown = "experts.down_proj";

/// "model.layers.1.mlp.experts." of a fused name.
std::optional<std::string> expertsPrefix(const std::string &name, const std::string &fused)
{
    return name.ends_with(fused) ? std::optional(name.substr(0, name.size() - fused.size()) + "experts.")
                                 : std::nullopt;
}

class Loader {
public:
    Loader(Transformer &model, const std::filesystem::path &folder, int ignoredLayers)
        : m_model(model)
        , m_files(folder)
        , m_ignoredLayers(ignoredLayers)
    {}

    void run()
    {
        const c10::NoGradGuard noGrad;
        for (const Parameters::Entry &entry : m_model.parameters().entries()) {
            if (const auto weights = whole(entry)) {
                entry.tensor.copy_(*weights);
            }
        }
        for (const std::string &name : m_files.unused()) {
            if (!ignored(name)) {
                fail({"unexpected tensor", m_files.where(name), shapeText(m_files.shape(name)),
                      "only tensors that config.json asks for",
                      "Check model_type and the layer counts in config.json"});
            }
        }
        if (!m_errors.empty()) {
            throw ConfigFailure(std::move(m_errors));
        }
    }

private:
    void fail(Error error)
    {
        if (m_errors.size() < kMostErrors) {
            m_errors.push_back(std::move(error));
        }
    }

    std::optional<at::Tensor> read(const std::string &name, const std::vector<std::int64_t> &shape)
    {
        if (!m_files.contains(name)) {
            fail({"missing tensor", m_files.where(name), "nothing", shapeText(shape), ""});
            return std::nullopt;
        }
        const at::Tensor tensor = m_files.read(name);
        if (tensor.sizes() != at::IntArrayRef(shape)) {
            fail({"wrong shape", m_files.where(name), shapeText(tensor.sizes().vec()), shapeText(shape), ""});
            return std::nullopt;
        }
        if (!tensor.is_floating_point()) {
            fail({"wrong type of numbers", m_files.where(name), dtypeOf(tensor.scalar_type()),
                  "F32, F64, BF16, F16 or F8_E4M3", ""});
            return std::nullopt;
        }
        return tensor;
    }

    std::optional<at::Tensor> whole(const Parameters::Entry &entry)
    {
        const std::vector<std::int64_t> shape = entry.tensor.sizes().vec();
        const auto gateUp = expertsPrefix(entry.name, kFusedGateUp);
        const auto down = expertsPrefix(entry.name, kFusedDown);
        if ((!gateUp && !down) || m_files.contains(entry.name)) {
            return read(entry.name, shape);
        }
        std::vector<at::Tensor> experts;
        for (std::int64_t e = 0; e < shape[0]; ++e) {
            const std::string prefix = gateUp.value_or(down.value_or("")) + std::to_string(e) + ".";
            if (gateUp) {
                const auto first = read(prefix + "gate_proj.weight", {shape[1] / 2, shape[2]});
                const auto second = read(prefix + "up_proj.weight", {shape[1] / 2, shape[2]});
                if (first && second) {
                    experts.push_back(at::cat({*first, *second}));
                }
            } else if (const auto only = read(prefix + "down_proj.weight", {shape[1], shape[2]})) {
                experts.push_back(*only);
            }
        }
        return static_cast<std::int64_t>(experts.size()) == shape[0] ? std::optional(at::stack(experts)) : std::nullopt;
    }

    /// Layers that predict further tokens stand behind the last one and are not part of the model.
    bool ignored(const std::string &name) const
    {
        if (name.ends_with("rotary_emb.inv_freq")) {
            return true;
        }
        for (int i = 0; i < m_ignoredLayers; ++i) {
            if (name.starts_with(fmt::format("model.layers.{}.", m_model.options().nLayers + i))) {
                return true;
            }
        }
        return false;
    }

    Transformer &m_model;
    WeightFiles m_files;
    int m_ignoredLayers;
    std::vector<Error> m_errors;
};

/// Numbers of a model of these options, in double: hostile sizes do not overflow it.
double numbersIn(const ModelOptions &options)
{
    const double width = options.dModel, heads = options.nHeads;
    double attention = 0;
    if (options.attention == AttentionKind::Mla) {
        const double rank = options.qLoraRank.value_or(0);
        attention = rank > 0 ? rank * (width + heads * options.qkHeadDim()) : width * heads * options.qkHeadDim();
        attention += width * (options.kvLoraRank + options.qkRopeHeadDim);
        attention +=
            heads * (options.qkNopeHeadDim + options.vHeadDim) * options.kvLoraRank + heads * options.vHeadDim * width;
    } else {
        attention = width * options.headDim * (2 * heads + 2.0 * options.nKvHeads);
    }
    const int denseLayers =
        options.moe.nExperts > 0 ? std::min(options.moe.firstDense, options.nLayers) : options.nLayers;
    const double expertLayers = options.nLayers - denseLayers;
    const double feedForward =
        denseLayers * 3.0 * width * options.dFf +
        expertLayers * 3.0 * width * options.moe.dExpert * (options.moe.nExperts + options.moe.nShared);
    return (options.tieEmbeddings ? 1.0 : 2.0) * options.vocabulary * width + options.nLayers * attention + feedForward;
}

std::filesystem::path configFile(const std::filesystem::path &folder)
{
    const std::filesystem::path file = folder / "config.json";
    if (!std::filesystem::exists(file)) {
        throw Failure({"no checkpoint", folder.string(), "no config.json",
                       "a folder with config.json and model.safetensors", ""});
    }
    return file;
}

int ignoredLayersOf(const nlohmann::ordered_json &config)
{
    const auto it = config.find("num_nextn_predict_layers");
    return it != config.end() && it->is_number_integer() ? std::clamp(it->get<int>(), 0, 64) : 0;
}

std::vector<std::int64_t> shapeOf(const at::Tensor &tensor) { return tensor.sizes().vec(); }

} // namespace

std::shared_ptr<Transformer> loadCheckpoint(const std::filesystem::path &folder, at::ScalarType type)
{
    const std::filesystem::path file = configFile(folder);
    const nlohmann::ordered_json config = readJsonFile(file);
    const ModelOptions options = modelOptionsFromHf(nlohmann::json(config), file.string());
    const WeightFiles files(folder);
    if (numbersIn(options) > static_cast<double>(files.bytes())) {
        throw Failure({"config.json asks for a larger model than the weights hold", file.string(),
                       fmt::format("{:.4g} numbers in {} bytes", numbersIn(options), files.bytes()),
                       "sizes of the model that was saved", ""});
    }
    auto model = std::make_shared<Transformer>(options, false);
    model->parameters().convertTo(type);
    Loader(*model, folder, ignoredLayersOf(config)).run();
    return model;
}

void loadWeights(Transformer &model, const std::filesystem::path &folder)
{
    Loader(model, folder, ignoredLayersOf(readJsonFile(configFile(folder)))).run();
}

void saveCheckpoint(const Transformer &model, const std::filesystem::path &folder, const nlohmann::ordered_json &more)
{
    const c10::NoGradGuard noGrad;
    std::vector<at::Tensor> kept; // what the writer points into
    std::vector<TensorToWrite> tensors;
    const auto put = [&](const std::string &name, const at::Tensor &tensor) {
        kept.push_back(tensor.detach().cpu().contiguous());
        tensors.push_back({name, dtypeOf(tensor.scalar_type()), shapeOf(tensor), kept.back().const_data_ptr()});
    };
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        if (const auto prefix = expertsPrefix(entry.name, kFusedGateUp)) {
            const std::int64_t inner = entry.tensor.size(1) / 2;
            for (std::int64_t e = 0; e < entry.tensor.size(0); ++e) {
                put(*prefix + std::to_string(e) + ".gate_proj.weight", entry.tensor.select(0, e).narrow(0, 0, inner));
                put(*prefix + std::to_string(e) + ".up_proj.weight", entry.tensor.select(0, e).narrow(0, inner, inner));
            }
        } else if (const auto downPrefix = expertsPrefix(entry.name, kFusedDown)) {
            for (std::int64_t e = 0; e < entry.tensor.size(0); ++e) {
                put(*downPrefix + std::to_string(e) + ".down_proj.weight", entry.tensor.select(0, e));
            }
        } else {
            put(entry.name, entry.tensor);
        }
    }
    nlohmann::ordered_json config = toHfConfig(model.options());
    static const std::vector<std::pair<at::ScalarType, const char *>> kNames = {
        {at::kFloat, "float32"}, {at::kDouble, "float64"}, {at::kBFloat16, "bfloat16"}, {at::kHalf, "float16"}};
    for (const auto &[type, name] : kNames) {
        if (type == model.parameters().entries().front().tensor.scalar_type()) {
            config["dtype"] = name;
        }
    }
    for (const auto &[key, value] : more.items()) {
        config[key] = value;
    }
    makeFolder(folder);
    writeSafetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
    writeFileAtomically(folder / "config.json", config.dump(2) + "\n");
}

} // namespace sparsescope
