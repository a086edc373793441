#pragma once

#include "core/base/safetensors.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sparsescope {

/// Largest block of an fp8 checkpoint that shares one scale, on both sides.
constexpr std::int64_t kFp8Block = 128;

at::ScalarType scalarTypeOf(const std::string &dtype, const std::string &where);
std::string dtypeOf(at::ScalarType type);
/// A copy, in the type of the file.
at::Tensor toTensor(const TensorView &view, const std::string &where);
std::string shapeText(const std::vector<std::int64_t> &shape);

/// The weights of a checkpoint folder: model.safetensors, or the shards that model.safetensors.index.json names.
/// Throws Failure for files that are missing, damaged, named twice or outside of the folder.
class WeightFiles {
public:
    explicit WeightFiles(const std::filesystem::path &folder);

    bool contains(const std::string &name) const { return m_tensors.count(name) > 0; }
    std::vector<std::int64_t> shape(const std::string &name) const { return m_tensors.at(name).view->shape; }
    /// File and tensor, for messages; the whole of the weights for a name that is nowhere.
    std::string where(const std::string &name) const;
    /// In the type of the file; fp8 blocks times their scales, as fp32. Marks the tensor as used.
    at::Tensor read(const std::string &name);
    std::vector<std::string> unused() const;
    std::size_t bytes() const { return m_bytes; }

private:
    struct Place {
        const SafetensorsFile *file = nullptr;
        const TensorView *view = nullptr;
    };
    void openShards(const std::filesystem::path &folder, const std::filesystem::path &index);
    void add(const SafetensorsFile &file);

    std::filesystem::path m_root;
    std::vector<std::unique_ptr<SafetensorsFile>> m_files;
    std::map<std::string, Place> m_tensors;
    std::set<std::string> m_used;
    std::size_t m_bytes = 0;
};

} // namespace sparsescope
