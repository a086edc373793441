#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sparsescope {

/// A tensor inside a safetensors file. dtype as in the format: "F32", "F16", "BF16", "F64", "I64", "I32", "U8", "U64", "BOOL", "F8_E4M3".
struct TensorView {
    std::string dtype;
    std::vector<std::int64_t> shape;
    const std::byte *data = nullptr;
    std::size_t bytes = 0;
};
/// Bytes of one element; throws Failure for an unknown dtype.
std::size_t elementSize(const std::string &dtype);

/// A safetensors file, checked as a whole when opened (header size and syntax, offsets inside the file and not overlapping,
/// shapes that fit their bytes), then memory-mapped. Throws Failure naming the file and the tensor; never allocates more than the file holds.
class SafetensorsFile {
public:
    explicit SafetensorsFile(const std::filesystem::path &file);
    ~SafetensorsFile();
    SafetensorsFile(SafetensorsFile &&) noexcept;
    SafetensorsFile &operator=(SafetensorsFile &&) noexcept;

    const std::filesystem::path &path() const { return m_path; }
    const std::map<std::string, TensorView> &tensors() const { return m_tensors; }
    const std::map<std::string, std::string> &metadata() const { return m_metadata; }
    bool contains(const std::string &name) const { return m_tensors.count(name) > 0; }
    /// Throws Failure naming the file and the nearest name when missing.
    const TensorView &at(const std::string &name) const;
    /// Copies out with a check of dtype ("F32" for float, ...) and, when given, of shape.
    template <class T>
    std::vector<T> read(const std::string &name, const std::vector<std::int64_t> &shape = {}) const;
    /// Throws Failure where the file was cut since it was mapped: the first touch would end the program with a signal.
    void demandUncut(const std::string &name) const;
    /// Throws Failure where the bytes of a tensor are not those that checksumsOf() saw when the file was written. Passes what
    /// has no checksum: files of other programs, and older ones.
    void demandUnchanged(const std::string &name) const;
    void demandUnchanged() const; ///< every tensor; reads the whole file
    bool hasChecksums() const { return !m_checksums.empty(); }

private:
    std::filesystem::path m_path;
    std::map<std::string, TensorView> m_tensors;
    std::map<std::string, std::string> m_metadata, m_checksums;
    void *m_mapping = nullptr;
    std::size_t m_size = 0;
};

struct TensorToWrite {
    std::string name;
    std::string dtype;
    std::vector<std::int64_t> shape;
    const void *data = nullptr; ///< row-major, little endian; must live until writeSafetensors returns
};
/// The key of `__metadata__` under which a file keeps checksumsOf() its tensors.
constexpr const char *kChecksumsKey = "checksums";
/// checksum() of every tensor's bytes in 16 hexadecimal digits, by name, as a JSON object: what was overwritten, say by a
/// disk that returns zeros, keeps its shape. All data must be there, none left to BringTensor.
std::string checksumsOf(const std::vector<TensorToWrite> &tensors);
/// Brings the bytes of a tensor when its turn comes; they must live until the next call. So a file may be larger than memory.
using BringTensor = std::function<const void *(const TensorToWrite &)>;
/// Sorted names, header padded to 8; atomic: temporary file in the same folder, fsync, rename, fsync of the folder.
/// `bring` is asked for every tensor whose data is null.
void writeSafetensors(const std::filesystem::path &file, std::vector<TensorToWrite> tensors,
                      const std::map<std::string, std::string> &metadata = {}, const BringTensor &bring = {});

/// Atomic replacement of a whole file by the same steps. Throws Failure (disk full, folder gone) and leaves the old file.
void writeFileAtomically(const std::filesystem::path &file, const std::string &content);

} // namespace sparsescope
