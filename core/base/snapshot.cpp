#include "core/base/snapshot.h"

#include "core/base/config_words.h"
#include "core/base/error.h"
#include "core/base/safetensors.h"
#include "core/base/schemas.h"

#include <Eigen/Core>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <map>
#include <set>

namespace sparsescope {

namespace {

using Shape = std::vector<std::int64_t>;

std::string prefixOf(int layer) { return fmt::format("layer{}.", layer); }

void require(bool holds, const std::string &file, const std::string &name, const std::string &what)
{
    if (!holds)
        throw Failure({what, file + ": " + name, {}, {}, "The snapshot is damaged or incomplete."});
}

/// Of its indexers, which all have one; relu where there is none.
IndexActivation activationOf(const Snapshot &snapshot)
{
    for (const LayerSnapshot &layer : snapshot.layers) {
        if (layer.hasIndexer())
            return layer.activation;
    }
    return IndexActivation::Relu;
}

/// Both ends of the file keep the same promise, so that what was written can be read.
void check(const Snapshot &snapshot, const std::string &file)
{
    const std::size_t length = snapshot.tokens.size();
    require(length > 0, file, "tokens", "snapshot has no tokens");
    require(snapshot.words.empty() || snapshot.words.size() == length, file, "words", "not one word a token");
    require(snapshot.needed.empty() || snapshot.needed.size() == length, file, "needed", "not one list a token");
    for (const auto &keys : snapshot.needed) {
        for (const int key : keys)
            require(key >= 0 && static_cast<std::size_t>(key) < length, file, "needed",
                    "a needed key lies outside the probe");
    }
    std::set<int> numbers;
    for (const LayerSnapshot &layer : snapshot.layers) {
        const std::string prefix = prefixOf(layer.layer);
        require(!layer.hasIndexer() || layer.activation == activationOf(snapshot), file, prefix + "index_q",
                "indexers of several activations");
        require(layer.layer >= 0 && numbers.insert(layer.layer).second, file, prefix + "q",
                "layer number is negative or stands twice");
        const std::size_t heads = static_cast<std::size_t>(layer.heads),
                          kvHeads = static_cast<std::size_t>(layer.kvHeads);
        const std::size_t width = static_cast<std::size_t>(layer.headDim);
        const std::size_t indexHeads = static_cast<std::size_t>(layer.indexHeads),
                          indexWidth = static_cast<std::size_t>(layer.indexDim);
        require(layer.heads > 0 && layer.headDim > 0 && layer.q.size() == heads * length * width, file, prefix + "q",
                "wrong number of values");
        require(layer.kvHeads > 0 && layer.heads % layer.kvHeads == 0 && layer.k.size() == kvHeads * length * width,
                file, prefix + "k", "wrong number of values");
        require(layer.lse.size() == heads * length, file, prefix + "lse", "wrong number of values");
        require(layer.lseDense.size() == heads * length, file, prefix + "lse_dense", "wrong number of values");
        require(layer.indexHeads >= 0 && layer.indexDim >= 0 && layer.indexQ.size() == length * indexHeads * indexWidth,
                file, prefix + "index_q", "wrong number of values");
        require(layer.indexK.size() == (layer.hasIndexer() ? length * indexWidth : 0), file, prefix + "index_k",
                "wrong number of values");
        require(layer.indexW.size() == length * indexHeads, file, prefix + "index_w", "wrong number of values");
        require(layer.indexSlope.size() == (layer.activation == IndexActivation::Prelu ? indexHeads : 0), file,
                prefix + "index_slope", "wrong number of values");
        require(layer.threshold.empty() || layer.threshold.size() == length, file, prefix + "threshold",
                "wrong number of values");
        const std::size_t words = (length + 63) / 64;
        require(layer.selected.empty() || layer.selected.size() == length * words, file, prefix + "selected",
                "wrong number of values");
        if (length % 64 != 0 && layer.hasSelection()) {
            for (std::size_t t = 0; t < length; ++t)
                require(layer.selected[t * words + words - 1] >> (length % 64) == 0, file, prefix + "selected",
                        "a selected key lies outside the probe");
        }
    }
}

/// Metadata values, each with its name in the message when it is missing or of the wrong kind.
class Metadata {
public:
    Metadata(const SafetensorsFile &file)
        : m_file(file)
    {}
    const std::string &text(const std::string &key) const
    {
        const auto found = m_file.metadata().find(key);
        if (found == m_file.metadata().end())
            fail(key, "is missing", "");
        return found->second;
    }
    template <class T>
    T number(const std::string &key) const
    {
        const std::string &digits = text(key);
        T value = {};
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size())
            fail(key, "is no number", digits);
        return value;
    }
    template <class T>
    T json(const std::string &key) const
    {
        const auto found = m_file.metadata().find(key);
        if (found == m_file.metadata().end())
            return {};
        try {
            return nlohmann::json::parse(found->second).template get<T>();
        } catch (const nlohmann::json::exception &) {
            fail(key, "cannot be read", "");
        }
    }

private:
    [[noreturn]] void fail(const std::string &key, const std::string &what, const std::string &found) const
    {
        throw Failure({"metadata " + what,
                       m_file.path().string() + ": __metadata__." + key,
                       found,
                       {},
                       "The file is no snapshot, or it is damaged."});
    }
    const SafetensorsFile &m_file;
};

const Shape &shapeOf(const SafetensorsFile &file, const std::string &name, std::size_t dimensions)
{
    const Shape &shape = file.at(name).shape;
    constexpr std::int64_t kLargest = std::int64_t{1} << 30;
    bool fits = shape.size() == dimensions;
    for (const std::int64_t size : shape)
        fits = fits && size > 0 && size < kLargest;
    if (!fits)
        throw Failure({"wrong shape", file.path().string() + ": " + name, fmt::format("[{}]", fmt::join(shape, ", ")),
                       fmt::format("{} dimensions, none of them 0", dimensions), "The snapshot is damaged."});
    return shape;
}

LayerSnapshot readLayer(const SafetensorsFile &file, int number, std::int64_t length, IndexActivation activation)
{
    const std::string prefix = prefixOf(number);
    LayerSnapshot layer;
    layer.layer = number;
    const Shape &q = shapeOf(file, prefix + "q", 3);
    const Shape &k = shapeOf(file, prefix + "k", 3);
    layer.heads = static_cast<int>(q[0]);
    layer.kvHeads = static_cast<int>(k[0]);
    layer.headDim = static_cast<int>(q[2]);
    layer.q = file.read<std::uint16_t>(prefix + "q", {q[0], length, q[2]});
    layer.k = file.read<std::uint16_t>(prefix + "k", {k[0], length, q[2]});
    layer.lse = file.read<float>(prefix + "lse", {q[0], length});
    layer.lseDense = file.read<float>(prefix + "lse_dense", {q[0], length});
    if (file.contains(prefix + "index_q")) {
        const Shape &index = shapeOf(file, prefix + "index_q", 3);
        layer.indexHeads = static_cast<int>(index[1]);
        layer.indexDim = static_cast<int>(index[2]);
        layer.indexQ = file.read<float>(prefix + "index_q", {length, index[1], index[2]});
        layer.indexK = file.read<float>(prefix + "index_k", {length, index[2]});
        layer.indexW = file.read<float>(prefix + "index_w", {length, index[1]});
        layer.activation = activation;
        if (activation == IndexActivation::Prelu)
            layer.indexSlope = file.read<float>(prefix + "index_slope", {index[1]});
    } else if (file.contains(prefix + "index_k") || file.contains(prefix + "index_w")) {
        file.at(prefix + "index_q"); // throws: an indexer has all three
    }
    if (file.contains(prefix + "selected"))
        layer.selected = file.read<std::uint64_t>(prefix + "selected", {length, (length + 63) / 64});
    if (file.contains(prefix + "threshold"))
        layer.threshold = file.read<float>(prefix + "threshold", {length});
    return layer;
}

/// The layer numbers that the tensor names speak of; throws for a name of another form.
std::set<int> layerNumbers(const SafetensorsFile &file)
{
    std::set<int> numbers;
    for (const auto &[name, view] : file.tensors()) {
        if (name == "tokens")
            continue;
        int number = -1;
        const char *digits = name.data() + 5;
        const bool named = name.size() > 6 && name.compare(0, 5, "layer") == 0;
        const char *end = named ? std::from_chars(digits, name.data() + name.size(), number).ptr : nullptr;
        if (!named || number < 0 || *end != '.')
            throw Failure({"unknown tensor",
                           file.path().string() + ": " + name,
                           {},
                           "tokens, or layerN. with its parts",
                           "The file is no snapshot."});
        numbers.insert(number);
    }
    return numbers;
}

} // namespace

void writeSnapshot(const Snapshot &snapshot, const std::filesystem::path &file)
{
    check(snapshot, file.string());
    const std::int64_t length = snapshot.length();
    std::vector<TensorToWrite> tensors = {{"tokens", "I32", {length}, snapshot.tokens.data()}};
    for (const LayerSnapshot &layer : snapshot.layers) {
        const std::string prefix = prefixOf(layer.layer);
        tensors.push_back({prefix + "q", "F16", {layer.heads, length, layer.headDim}, layer.q.data()});
        tensors.push_back({prefix + "k", "F16", {layer.kvHeads, length, layer.headDim}, layer.k.data()});
        tensors.push_back({prefix + "lse", "F32", {layer.heads, length}, layer.lse.data()});
        tensors.push_back({prefix + "lse_dense", "F32", {layer.heads, length}, layer.lseDense.data()});
        if (layer.hasIndexer()) {
            tensors.push_back(
                {prefix + "index_q", "F32", {length, layer.indexHeads, layer.indexDim}, layer.indexQ.data()});
            tensors.push_back({prefix + "index_k", "F32", {length, layer.indexDim}, layer.indexK.data()});
            tensors.push_back({prefix + "index_w", "F32", {length, layer.indexHeads}, layer.indexW.data()});
        }
        if (!layer.indexSlope.empty())
            tensors.push_back({prefix + "index_slope", "F32", {layer.indexHeads}, layer.indexSlope.data()});
        if (layer.hasSelection())
            tensors.push_back({prefix + "selected", "U64", {length, (length + 63) / 64}, layer.selected.data()});
        if (!layer.threshold.empty())
            tensors.push_back({prefix + "threshold", "F32", {length}, layer.threshold.data()});
    }
    const auto replace = nlohmann::json::error_handler_t::replace; // a token may be half of a UTF-8 character
    const IndexActivation activation = activationOf(snapshot);
    const bool published = activation == IndexActivation::Relu;
    const int schema = published ? kSnapshotSchema : kActivationSchema;
    std::map<std::string, std::string> metadata = {
        {"schema", std::to_string(schema)},      {"run", snapshot.run},
        {"step", std::to_string(snapshot.step)}, {"stage", snapshot.stage},
        {"sparse", snapshot.sparse ? "1" : "0"}, {"probe", snapshot.probeName},
        {"selector", snapshot.selector},         {"scale", fmt::format("{}", snapshot.scale)},
        {"top_k", std::to_string(snapshot.topK)}};
    if (!published)
        metadata["activation"] = wordOf(activation);
    if (!snapshot.words.empty())
        metadata["words"] = nlohmann::json(snapshot.words).dump(-1, ' ', false, replace);
    if (!snapshot.needed.empty())
        metadata["needed"] = nlohmann::json(snapshot.needed).dump();
    metadata[kChecksumsKey] = checksumsOf(tensors);
    writeSafetensors(file, std::move(tensors), metadata);
}

Snapshot readSnapshot(const std::filesystem::path &path)
{
    std::error_code code;
    if (!std::filesystem::exists(path, code))
        throw Failure(
            {"snapshot is missing", path.string(), "", "", "Restore it from a copy: the others are not touched."});
    const SafetensorsFile file(path);
    const Metadata metadata(file);
    const int schema = metadata.number<int>("schema");
    if (schema != kSnapshotSchema && schema != kActivationSchema)
        throw Failure({"unknown schema", path.string() + ": __metadata__.schema", std::to_string(schema),
                       fmt::format("{} or {}", kSnapshotSchema, kActivationSchema),
                       schema > kActivationSchema ? "The snapshot was written by a newer version: use that one." : ""});
    Snapshot snapshot;
    snapshot.run = metadata.text("run");
    snapshot.step = metadata.number<std::int64_t>("step");
    snapshot.stage = metadata.text("stage");
    snapshot.sparse = metadata.number<int>("sparse") != 0;
    snapshot.probeName = metadata.text("probe");
    snapshot.selector = metadata.text("selector");
    snapshot.scale = metadata.number<double>("scale");
    snapshot.topK = metadata.number<std::int64_t>("top_k");
    snapshot.words = metadata.json<std::vector<std::string>>("words");
    snapshot.needed = metadata.json<std::vector<std::vector<int>>>("needed");
    IndexActivation activation = IndexActivation::Relu;
    if (schema == kActivationSchema && !fromWord(metadata.text("activation"), activation))
        throw Failure({"unknown activation", path.string() + ": __metadata__.activation", metadata.text("activation"),
                       fmt::format("{}", fmt::join(wordsOf<IndexActivation>(), ", ")),
                       "The file was damaged, or written by a newer version."});
    const std::int64_t length = shapeOf(file, "tokens", 1)[0];
    snapshot.tokens = file.read<std::int32_t>("tokens", {length});
    for (const int number : layerNumbers(file))
        snapshot.layers.push_back(readLayer(file, number, length, activation));
    check(snapshot, path.string());
    file.demandUnchanged();
    snapshot.checksums = file.hasChecksums();
    return snapshot;
}

float halfToFloat(std::uint16_t bits)
{
    return Eigen::half_impl::half_to_float(Eigen::half_impl::raw_uint16_to_half(bits));
}

std::uint16_t floatToHalf(float value) { return Eigen::half_impl::float_to_half_rtne(value).x; }

} // namespace sparsescope
