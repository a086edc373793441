#pragma once

#include "core/base/safetensors.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace sparsescope {

/// Largest block of an fp8 checkpoint that shares one scale, on both sides.
constexpr std::int64_t kFp8Block = 128;

at::ScalarType scalarTypeOf(const std::string &dtype, const std::string &where);
std::string dtypeOf(at::ScalarType type);
/// As config.json and --dtype call it: float32, float64, bfloat16, float16. Throws Failure for any other.
std::string typeName(at::ScalarType type);
/// The type of that name; throws Failure naming `where`.
at::ScalarType typeOfName(const std::string &name, const std::string &where);
/// A copy, in the type of the file.
at::Tensor toTensor(const TensorView &view, const std::string &where);
std::string shapeText(const std::vector<std::int64_t> &shape);
/// Throws Failure naming `where` for NaN and infinities.
void demandFinite(const at::Tensor &numbers, const std::string &where);

/// Scales of an fp8 weight stand beside it under this name.
inline std::string scaleName(const std::string &weight) { return weight + "_scale_inv"; }
/// Shape of the scales of a weight [rows, columns].
std::vector<std::int64_t> scaleShape(const std::vector<std::int64_t> &weight);

/// folder/name of a checkpoint. Throws Failure for a link that leads out of the folder; those of a Hugging Face cache, from
/// snapshots/<commit> to blobs, are followed. A file that is not there is left to who opens it.
std::filesystem::path checkpointFile(const std::filesystem::path &folder, const std::string &name);

/// The weights of a checkpoint folder: model.safetensors, or the shards that model.safetensors.index.json names. Mapped, not
/// read. Throws Failure for files that are missing, damaged, named twice or outside of the folder, and for an index that
/// names other tensors than the shards hold.
class WeightFiles {
public:
    explicit WeightFiles(const std::filesystem::path &folder);

    struct Place {
        const SafetensorsFile *file = nullptr;
        const TensorView *view = nullptr;
    };
    const std::map<std::string, Place> &tensors() const { return m_tensors; }
    const std::vector<std::unique_ptr<SafetensorsFile>> &files() const { return m_files; }
    bool contains(const std::string &name) const { return m_tensors.count(name) > 0; }
    const TensorView &view(const std::string &name) const { return *m_tensors.at(name).view; }
    /// File and tensor, for messages; the whole of the weights for a name that is nowhere.
    std::string where(const std::string &name) const;
    /// In the type of the file; fp8 blocks times their scales, as fp32. Throws Failure for numbers that are not finite, or not
    /// those that were written where the file has checksums.
    at::Tensor read(const std::string &name) const;
    std::size_t bytes() const { return m_bytes; }

private:
    void openShards(const std::filesystem::path &folder, const std::filesystem::path &index);
    void add(const SafetensorsFile &file);

    std::filesystem::path m_root;
    std::vector<std::unique_ptr<SafetensorsFile>> m_files;
    std::map<std::string, Place> m_tensors;
    std::size_t m_bytes = 0;
};

} // namespace sparsescope
