#include "core/model/convert_door.h"

#include "core/base/atomic_file.h"
#include "core/base/config_words.h"
#include "core/model/checkpoint_notices.h"
#include "core/model/hf_checkpoint.h"
#include "core/model/transformer.h"

#include <ATen/core/Tensor.h>

#include <fmt/format.h>

#include <map>
#include <optional>
#include <vector>

#include <unistd.h>

namespace sparsescope {

namespace {

namespace fs = std::filesystem;

/// A tensor to be written, and where it comes from.
struct Part {
    HfTensor tensor;
    const Parameters::Entry *parameter = nullptr;
    std::size_t index = 0; ///< among onDisk(parameter)
    at::ScalarType type = at::kFloat;
    std::uint64_t bytes = 0;
};

/// Reads parts in any order; a fused parameter is kept while its layer lasts.
class PartReader {
public:
    explicit PartReader(const HfCheckpoint &source)
        : m_source(source)
    {}

    const void *read(const Part &part)
    {
        if (m_source.files().contains(part.tensor.name)) {
            m_current = m_source.files().read(part.tensor.name);
        } else {
            if (part.tensor.layer != m_layer) {
                m_fused.clear();
                m_layer = part.tensor.layer;
            }
            at::Tensor &whole = m_fused[part.parameter->name];
            if (!whole.defined()) {
                whole = m_source.files().read(part.parameter->name);
            }
            m_current = partOnDisk(*part.parameter, whole, part.index);
        }
        m_current = m_current.to(part.type).contiguous();
        demandFinite(m_current, fmt::format("{} as {}", m_source.files().where(part.tensor.name), typeName(part.type)));
        return m_current.const_data_ptr();
    }

private:
    const HfCheckpoint &m_source;
    at::Tensor m_current;
    std::map<std::string, at::Tensor> m_fused;
    int m_layer = -1;
};

at::ScalarType typeOf(const Part &part, const HfCheckpoint &source, const std::string &asked)
{
    if (part.tensor.keepFloat32) {
        return at::kFloat;
    }
    if (!asked.empty()) {
        return typeOfName(asked, "--dtype");
    }
    const WeightFiles &files = source.files();
    const std::string &stored = files.contains(part.tensor.name) ? part.tensor.name : part.parameter->name;
    const at::ScalarType type = scalarTypeOf(files.view(stored).dtype, files.where(stored));
    return type == at::kFloat8_e4m3fn ? at::kFloat : type;
}

std::vector<Part> partsOf(const Transformer &plan, const HfCheckpoint &source, const std::string &dtype)
{
    std::vector<Part> parts;
    for (const Parameters::Entry &parameter : plan.parameters().entries()) {
        std::size_t index = 0;
        for (HfTensor &tensor : onDisk(parameter)) {
            Part part{std::move(tensor), &parameter, index++};
            part.type = typeOf(part, source, dtype);
            part.bytes = c10::elementSize(part.type);
            for (const std::int64_t size : part.tensor.shape) {
                part.bytes *= static_cast<std::uint64_t>(size);
            }
            parts.push_back(std::move(part));
        }
    }
    return parts;
}

std::vector<std::vector<Part>> shardsOf(std::vector<Part> parts, std::uint64_t limit)
{
    std::vector<std::vector<Part>> shards(1);
    std::uint64_t filled = 0;
    for (Part &part : parts) {
        if (filled > 0 && filled + part.bytes > limit) {
            shards.emplace_back();
            filled = 0;
        }
        filled += part.bytes;
        shards.back().push_back(std::move(part));
    }
    return shards;
}

/// A folder that takes its name when it is whole, and goes otherwise.
class NewFolder {
public:
    explicit NewFolder(const fs::path &target)
        : m_target(target.has_filename() ? target : target.parent_path())
    {
        if (m_target.empty()) {
            throw ConfigFailure({{"no name for the target", "target", "", "a new or an empty folder", ""}});
        }
        std::error_code code;
        if (fs::exists(fs::symlink_status(m_target, code)) &&
            (!fs::is_directory(m_target, code) || !fs::is_empty(m_target, code))) {
            throw ConfigFailure({{"the target is there already", m_target.string(), "", "a new or an empty folder",
                                  "Choose another name, or remove it."}});
        }
        const fs::path parent = m_target.has_parent_path() ? m_target.parent_path() : fs::path(".");
        m_work = parent / fmt::format(".{}.{}.tmp", m_target.filename().string(), ::getpid());
        makeFolder(m_work);
    }
    ~NewFolder()
    {
        std::error_code code;
        fs::remove_all(m_work, code);
    }
    NewFolder(const NewFolder &) = delete;
    NewFolder &operator=(const NewFolder &) = delete;

    const fs::path &path() const { return m_work; }
    void finish()
    {
        syncFolder(m_work);
        std::error_code code;
        fs::rename(m_work, m_target, code); // over an empty folder, too
        if (code) {
            throwFileFailure("cannot rename the folder", m_target, code.value());
        }
    }

private:
    fs::path m_target, m_work;
};

/// What the source says beside its sizes and this program has no opinion on.
nlohmann::ordered_json configOf(const HfCheckpoint &source, bool native)
{
    nlohmann::ordered_json config = toHfConfig(source.options());
    std::vector<std::string> kept = {"bos_token_id", "eos_token_id", "pad_token_id"};
    if (native) {
        kept.push_back("sparsescope_run");
    }
    for (const std::string &key : kept) {
        if (source.config().contains(key)) {
            config[key] = source.config().at(key);
        }
    }
    return config;
}

} // namespace

ConvertSummary convertCheckpoint(const ConvertRequest &request)
{
    const HfCheckpoint source(request.source);
    source.demandWhole();
    if (const IndexActivation activation = source.options().indexActivation;
        !request.native && activation != IndexActivation::Relu) {
        throw ConfigFailure({{"no Hugging Face form of this indexer", "model.indexer.activation", wordOf(activation),
                              "relu, which is written into the published classes",
                              "Use --to native: only Sparsescope computes this activation.",
                              (request.source / "config.json").string()}});
    }
    NewFolder target(request.target);
    const Transformer plan(source.options(), Transformer::Start::Hollow);
    const std::string dtype = request.native && request.dtype.empty() ? "float32" : request.dtype;
    const std::uint64_t limit = request.native ? ~std::uint64_t{0} : request.shardBytes;
    const std::vector<std::vector<Part>> shards = shardsOf(partsOf(plan, source, dtype), limit);

    ConvertSummary summary;
    nlohmann::ordered_json map = nlohmann::ordered_json::object();
    PartReader reader(source);
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const std::string name = shards.size() == 1
                                     ? "model.safetensors"
                                     : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
        std::vector<TensorToWrite> list;
        std::map<std::string, const Part *> parts;
        for (const Part &part : shards[i]) {
            list.push_back({part.tensor.name, dtypeOf(part.type), part.tensor.shape, nullptr});
            parts[part.tensor.name] = &part;
            map[part.tensor.name] = name;
            summary.bytes += part.bytes;
            ++summary.tensors;
        }
        writeSafetensors(target.path() / name, std::move(list), {{"format", "pt"}},
                         [&](const TensorToWrite &tensor) { return reader.read(*parts.at(tensor.name)); });
        ++summary.files;
    }
    if (shards.size() > 1) {
        const nlohmann::ordered_json index = {{"metadata", {{"total_size", summary.bytes}}}, {"weight_map", map}};
        writeFileAtomically(target.path() / "model.safetensors.index.json", index.dump(2) + "\n");
    }
    nlohmann::ordered_json config = configOf(source, request.native);
    summary.notices = unreadParts(request.source);
    if (!request.native && source.options().indexHeads > 0) {
        for (std::string &notice : tieNotices(request.source)) {
            summary.notices.push_back(std::move(notice));
        }
    }
    summary.modelType = source.options().modelType;
    summary.architecture = config.contains("architectures") ? config["architectures"][0].get<std::string>() : "";
    summary.dtype = typeName(shards.front().front().type);
    config["dtype"] = summary.dtype;
    writeFileAtomically(target.path() / "config.json", config.dump(2) + "\n");
    target.finish();
    return summary;
}

} // namespace sparsescope
