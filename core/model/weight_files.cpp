#include "core/model/weight_files.h"

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/stored_json.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/empty.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace sparsescope {

namespace {

struct TypeName {
    const char *dtype;
    at::ScalarType type;
};
constexpr TypeName kTypeNames[] = {{"F32", at::kFloat},
                                   {"F64", at::kDouble},
                                   {"BF16", at::kBFloat16},
                                   {"F16", at::kHalf},
                                   {"F8_E4M3", at::kFloat8_e4m3fn},
                                   {"I64", at::kLong},
                                   {"I32", at::kInt},
                                   {"U8", at::kByte}};

struct ModelType {
    const char *name;
    at::ScalarType type;
};
constexpr ModelType kModelTypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"bfloat16", at::kBFloat16}, {"float16", at::kHalf}};

/// A shard is a plain file of the folder itself, with a name that can be printed.
bool isPlainName(const std::string &name)
{
    return std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }) &&
           !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\\') == std::string::npos;
}

/// The index may be what is at fault: a file that cannot be read is named together with the entry that leads to it.
std::unique_ptr<SafetensorsFile> openShard(const std::filesystem::path &folder, const std::string &name,
                                           const std::string &entry)
{
    try {
        return std::make_unique<SafetensorsFile>(checkpointFile(folder, name));
    } catch (const Failure &failure) {
        Error error = failure.error();
        error.remedy += fmt::format("{}{} names it.", error.remedy.empty() ? "" : " ", entry);
        throw Failure(std::move(error));
    }
}

} // namespace

at::ScalarType scalarTypeOf(const std::string &dtype, const std::string &where)
{
    for (const TypeName &entry : kTypeNames) {
        if (dtype == entry.dtype) {
            return entry.type;
        }
    }
    throw Failure({"unsupported type of numbers", where, dtype, "F32, F64, BF16, F16 or F8_E4M3", ""});
}

std::string dtypeOf(at::ScalarType type)
{
    for (const TypeName &entry : kTypeNames) {
        if (type == entry.type) {
            return entry.dtype;
        }
    }
    throw Failure({"a tensor type that safetensors files do not have", at::toString(type), "", "", ""});
}

std::string typeName(at::ScalarType type)
{
    for (const ModelType &entry : kModelTypes) {
        if (type == entry.type) {
            return entry.name;
        }
    }
    throw Failure({"a type of numbers that no model has", at::toString(type), "", "", ""});
}

at::ScalarType typeOfName(const std::string &name, const std::string &where)
{
    for (const ModelType &entry : kModelTypes) {
        if (name == entry.name) {
            return entry.type;
        }
    }
    throw Failure({"unknown type", where, name, "float32, float64, bfloat16 or float16", ""});
}

at::Tensor toTensor(const TensorView &view, const std::string &where)
{
    at::Tensor tensor = at::empty(view.shape, at::TensorOptions().dtype(scalarTypeOf(view.dtype, where)));
    if (view.bytes > 0) {
        std::memcpy(tensor.mutable_data_ptr(), view.data, view.bytes);
    }
    return tensor;
}

std::string shapeText(const std::vector<std::int64_t> &shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void demandFinite(const at::Tensor &numbers, const std::string &where)
{
    if (numbers.numel() == 0) {
        return;
    }
    const auto [low, high] = at::aminmax(numbers);
    if (!std::isfinite(low.item<double>()) || !std::isfinite(high.item<double>())) {
        throw Failure({"numbers that are not finite", where, "NaN or infinity", "finite numbers",
                       "The weights are damaged, or their training went astray: use an earlier checkpoint."});
    }
}

std::vector<std::int64_t> scaleShape(const std::vector<std::int64_t> &weight)
{
    std::vector<std::int64_t> shape;
    for (const std::int64_t size : weight) {
        shape.push_back((size + kFp8Block - 1) / kFp8Block);
    }
    return shape;
}

std::filesystem::path checkpointFile(const std::filesystem::path &folder, const std::string &name)
{
    namespace fs = std::filesystem;
    const fs::path file = folder / name;
    std::error_code code;
    if (!fs::is_symlink(file, code)) {
        return file;
    }
    const fs::path home = fs::weakly_canonical(folder, code), target = fs::weakly_canonical(file, code).parent_path();
    const bool cache =
        home.parent_path().filename() == "snapshots" && target == home.parent_path().parent_path() / "blobs";
    if (code || (target != home && !cache)) {
        throw Failure({"a link that leads out of the checkpoint folder", file.string(),
                       fs::read_symlink(file, code).string(), "a file of the folder itself",
                       "Copy the file into the folder if you trust it."});
    }
    return file;
}

WeightFiles::WeightFiles(const std::filesystem::path &folder)
{
    const std::filesystem::path single = checkpointFile(folder, "model.safetensors");
    const std::filesystem::path index = checkpointFile(folder, "model.safetensors.index.json");
    if (std::filesystem::exists(single)) {
        m_root = single;
        m_files.push_back(std::make_unique<SafetensorsFile>(single));
        add(*m_files.back());
    } else if (std::filesystem::exists(index)) {
        m_root = index;
        openShards(folder, index);
    } else {
        throw Failure({"no weights", folder.string(), "neither model.safetensors nor model.safetensors.index.json",
                       "a checkpoint folder", "Restore the file from a copy, or take another checkpoint."});
    }
}

void WeightFiles::openShards(const std::filesystem::path &folder, const std::filesystem::path &index)
{
    const nlohmann::ordered_json document =
        readStoredJson(index, "Restore it from a copy, or take another checkpoint.");
    if (!document.is_object() || !document.contains("weight_map") || !document.at("weight_map").is_object()) {
        throw Failure(
            {"no weight map", index.string() + ": weight_map", "nothing", "an object: tensor name to file name", ""});
    }
    if (document.at("weight_map").empty()) {
        throw Failure({"no weights", index.string() + ": weight_map", "{}", "every tensor of the model, with its file",
                       "Restore the index from a copy, or take another checkpoint."});
    }
    std::map<std::string, const SafetensorsFile *> opened;
    std::set<std::string> named;
    for (const auto &[name, value] : document.at("weight_map").items()) {
        const std::string where = index.string() + ": weight_map." + name;
        if (!value.is_string() || !isPlainName(value.get<std::string>())) {
            throw Failure({"not a file of the checkpoint folder", where, brief(value),
                           "the plain name of a file beside the index", ""});
        }
        const std::string file = value.get<std::string>();
        if (!opened.count(file)) {
            m_files.push_back(openShard(folder, file, where));
            opened[file] = m_files.back().get();
            add(*m_files.back());
        }
        named.insert(name);
        if (!opened.at(file)->contains(name)) {
            throw Failure({"missing tensor", (folder / file).string() + ": " + name, "nothing",
                           "what " + index.filename().string() + " promises", ""});
        }
    }
    // Who reads by the index leaves it at its first value, who reads the shards takes it: two models in one folder.
    for (const auto &[name, place] : m_tensors) {
        if (!named.count(name)) {
            throw Failure({"a tensor that the index does not name", where(name),
                           "no weight_map." + name + " in " + index.string(), "every tensor of the shards in the index",
                           "Add it to the index, or take it out of the shard."});
        }
    }
}

void WeightFiles::add(const SafetensorsFile &file)
{
    for (const auto &[name, view] : file.tensors()) {
        if (!m_tensors.emplace(name, Place{&file, &view}).second) {
            throw Failure({"a tensor in two files", file.path().string() + ": " + name,
                           m_tensors.at(name).file->path().string(), "", ""});
        }
        m_bytes += view.bytes;
    }
}

std::string WeightFiles::where(const std::string &name) const
{
    const auto it = m_tensors.find(name);
    return (it == m_tensors.end() ? m_root : it->second.file->path()).string() + ": " + name;
}

at::Tensor WeightFiles::read(const std::string &name) const
{
    const Place &place = m_tensors.at(name);
    place.file->demandUncut(name);
    place.file->demandUnchanged(name);
    at::Tensor tensor = toTensor(*place.view, where(name));
    if (tensor.scalar_type() == at::kFloat8_e4m3fn) {
        const std::string scales = scaleName(name);
        const std::int64_t rows = tensor.size(0), columns = tensor.size(1);
        const at::Tensor scale = read(scales).to(at::kFloat);
        // A strip of rows at a time shares the scales of one row of blocks.
        at::Tensor numbers = tensor.to(at::kFloat);
        for (std::int64_t block = 0; block * kFp8Block < rows; ++block) {
            const std::int64_t first = block * kFp8Block, count = std::min(kFp8Block, rows - first);
            numbers.narrow(0, first, count)
                .mul_(scale.select(0, block).repeat_interleave(kFp8Block).narrow(0, 0, columns));
        }
        tensor = numbers;
    }
    if (tensor.is_floating_point()) {
        demandFinite(tensor, where(name));
    }
    return tensor;
}

} // namespace sparsescope
