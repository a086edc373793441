#include "core/model/weight_files.h"

#include "core/base/error.h"
#include "core/base/json_reader.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

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

/// A shard is a plain file of the folder itself.
bool isPlainName(const std::string &name)
{
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
           name.find('\\') == std::string::npos && name.find('\0') == std::string::npos;
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

at::Tensor toTensor(const TensorView &view, const std::string &where)
{
    at::Tensor tensor = at::empty(view.shape, at::TensorOptions().dtype(scalarTypeOf(view.dtype, where)));
    if (view.bytes > 0) {
        std::memcpy(tensor.mutable_data_ptr(), view.data, view.bytes);
    }
    return tensor;
}

std::string shapeText(const std::vector<std::int64_t> &shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

WeightFiles::WeightFiles(const std::filesystem::path &folder)
{
    const std::filesystem::path single = folder / "model.safetensors";
    const std::filesystem::path index = folder / "model.safetensors.index.json";
    if (std::filesystem::exists(single)) {
        m_root = single;
        m_files.push_back(std::make_unique<SafetensorsFile>(single));
        add(*m_files.back());
    } else if (std::filesystem::exists(index)) {
        m_root = index;
        openShards(folder, index);
    } else {
        throw Failure({"no weights", folder.string(), "neither model.safetensors nor model.safetensors.index.json",
                       "a checkpoint folder", ""});
    }
}

void WeightFiles::openShards(const std::filesystem::path &folder, const std::filesystem::path &index)
{
    const nlohmann::ordered_json document = readJsonFile(index);
    if (!document.is_object() || !document.contains("weight_map") || !document.at("weight_map").is_object()) {
        throw Failure(
            {"no weight map", index.string() + ": weight_map", "nothing", "an object: tensor name to file name", ""});
    }
    std::map<std::string, const SafetensorsFile *> opened;
    std::map<std::string, std::string> mapped;
    for (const auto &[name, value] : document.at("weight_map").items()) {
        const std::string where = index.string() + ": weight_map." + name;
        if (!value.is_string() || !isPlainName(value.get<std::string>())) {
            throw Failure({"not a file of the checkpoint folder", where, brief(value),
                           "the plain name of a file beside the index", ""});
        }
        const std::string file = value.get<std::string>();
        if (!opened.count(file)) {
            m_files.push_back(std::make_unique<SafetensorsFile>(folder / file));
            opened[file] = m_files.back().get();
            add(*m_files.back());
        }
        if (!opened.at(file)->contains(name)) {
            throw Failure(
                {"missing tensor", (folder / file).string() + ": " + name, "nothing", "what the index promises", ""});
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

at::Tensor WeightFiles::read(const std::string &name)
{
    at::Tensor tensor = toTensor(*m_tensors.at(name).view, where(name));
    m_used.insert(name);
    if (tensor.scalar_type() != at::kFloat8_e4m3fn) {
        return tensor;
    }
    const std::string scaleName = name + "_scale_inv";
    if (!contains(scaleName)) {
        throw Failure(
            {"fp8 weights without their scales", where(name), "no " + scaleName, "one scale a block of 128 x 128", ""});
    }
    const at::Tensor scale = read(scaleName).to(at::kFloat);
    const std::int64_t rows = tensor.dim() == 2 ? tensor.size(0) : 0, columns = tensor.dim() == 2 ? tensor.size(1) : 0;
    const std::vector<std::int64_t> expected = {(rows + kFp8Block - 1) / kFp8Block,
                                                (columns + kFp8Block - 1) / kFp8Block};
    if (tensor.dim() != 2 || scale.sizes() != at::IntArrayRef(expected)) {
        throw Failure({"wrong shape", where(scaleName), shapeText(scale.sizes().vec()), shapeText(expected), ""});
    }
    const at::Tensor spread = scale.repeat_interleave(kFp8Block, 0).repeat_interleave(kFp8Block, 1);
    return tensor.to(at::kFloat) * spread.narrow(0, 0, rows).narrow(1, 0, columns);
}

std::vector<std::string> WeightFiles::unused() const
{
    std::vector<std::string> names;
    for (const auto &[name, place] : m_tensors) {
        if (!m_used.count(name)) {
            names.push_back(name);
        }
    }
    return names;
}

} // namespace sparsescope
