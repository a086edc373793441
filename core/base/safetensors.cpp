#include "core/base/safetensors.h"

#include "core/base/atomic_file.h"
#include "core/base/checksum.h"
#include "core/base/error.h"
#include "core/base/nearest_name.h"
#include "core/base/safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sparsescope {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little endian; no conversion is written");

namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kLargestHeader = 100'000'000;

struct DtypeSize {
    const char *name;
    std::size_t bytes;
};
constexpr DtypeSize kDtypes[] = {{"F64", 8},     {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1},
                                 {"F8_E5M2", 1}, {"I64", 8}, {"I32", 4}, {"I16", 2},  {"I8", 1},
                                 {"U64", 8},     {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}};

/// Which dtypes an element type may be read from.
template <class T>
constexpr std::array<const char *, 3> kReadable = {};
template <>
constexpr std::array<const char *, 3> kReadable<float> = {"F32", nullptr, nullptr};
template <>
constexpr std::array<const char *, 3> kReadable<double> = {"F64", nullptr, nullptr};
template <>
constexpr std::array<const char *, 3> kReadable<std::int64_t> = {"I64", nullptr, nullptr};
template <>
constexpr std::array<const char *, 3> kReadable<std::int32_t> = {"I32", nullptr, nullptr};
template <>
constexpr std::array<const char *, 3> kReadable<std::uint64_t> = {"U64", nullptr, nullptr};
template <>
constexpr std::array<const char *, 3> kReadable<std::uint16_t> = {"F16", "BF16", "U16"};
template <>
constexpr std::array<const char *, 3> kReadable<std::uint8_t> = {"U8", "BOOL", "F8_E4M3"};

std::string shapeText(const std::vector<std::int64_t> &shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

void unmap(void *mapping, std::size_t size)
{
    if (mapping)
        ::munmap(mapping, size);
}

std::string checksumText(const void *data, std::size_t bytes) { return fmt::format("{:016x}", checksum(data, bytes)); }

/// None where the file keeps none.
std::map<std::string, std::string> storedChecksums(const std::map<std::string, std::string> &metadata,
                                                   const std::string &file)
{
    const auto found = metadata.find(kChecksumsKey);
    if (found == metadata.end())
        return {};
    try {
        return nlohmann::json::parse(found->second).get<std::map<std::string, std::string>>();
    } catch (const nlohmann::json::exception &) {
        throw Failure({"metadata cannot be read",
                       fmt::format("{}: __metadata__.{}", file, kChecksumsKey),
                       {},
                       "an object: tensor name to checksum",
                       "The file was damaged or changed."});
    }
}

} // namespace

std::size_t elementSize(const std::string &dtype)
{
    std::vector<const char *> names;
    for (const DtypeSize &known : kDtypes) {
        if (dtype == known.name)
            return known.bytes;
        names.push_back(known.name);
    }
    throw Failure({"unknown dtype", {}, dtype, fmt::format("{}", fmt::join(names, ", ")), {}});
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path &file)
    : m_path(file)
{
    // O_NONBLOCK: a pipe of that name must not hang the program.
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        throw Failure(
            {"cannot open the file", file.string(), std::strerror(errno), {}, "Check the name and the permissions."});
    struct stat status = {};
    const bool known = ::fstat(descriptor, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
        ::close(descriptor);
        throw Failure({"is no file", file.string(), {}, "a safetensors file", {}});
    }
    m_size = static_cast<std::size_t>(status.st_size);
    if (m_size > kLengthBytes) {
        void *mapping = ::mmap(nullptr, m_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        m_mapping = mapping == MAP_FAILED ? nullptr : mapping;
    }
    std::uint64_t length = 0;
    std::string text;
    bool whole = ::pread(descriptor, &length, kLengthBytes, 0) == static_cast<ssize_t>(kLengthBytes);
    const bool plausible = whole && length <= kLargestHeader && length <= m_size - kLengthBytes;
    if (plausible) {
        text.resize(length);
        // Read, not looked at through the mapping: a file that shrinks meanwhile gives a short read, not a signal.
        whole = ::pread(descriptor, text.data(), length, kLengthBytes) == static_cast<ssize_t>(length);
    }
    ::close(descriptor);
    try {
        if (!whole)
            throw Failure({"file is too short", file.string(), fmt::format("{} bytes", m_size),
                           "a whole safetensors file", "The file is cut off: restore or remake it."});
        if (!plausible)
            throw Failure({"wrong header length", file.string(),
                           fmt::format("{} bytes in a file of {}", length, m_size),
                           fmt::format("at most {}", std::min(kLargestHeader, m_size - kLengthBytes)),
                           "The file is no safetensors file, or it is cut off."});
        if (!m_mapping && m_size > kLengthBytes)
            throw Failure({"cannot map the file", file.string(), fmt::format("{} bytes", m_size), {}, {}});
        SafetensorsHeader header = parseSafetensorsHeader(text, m_size - kLengthBytes - length, file.string());
        m_metadata = std::move(header.metadata);
        m_checksums = storedChecksums(m_metadata, file.string());
        const std::byte *data = static_cast<const std::byte *>(m_mapping) + kLengthBytes + length;
        for (auto &[name, entry] : header.tensors)
            m_tensors.emplace(
                name, TensorView{entry.dtype, std::move(entry.shape), data + entry.begin, entry.end - entry.begin});
    } catch (...) {
        unmap(m_mapping, m_size);
        throw;
    }
}

SafetensorsFile::~SafetensorsFile() { unmap(m_mapping, m_size); }

SafetensorsFile::SafetensorsFile(SafetensorsFile &&other) noexcept
    : m_path(std::move(other.m_path))
    , m_tensors(std::move(other.m_tensors))
    , m_metadata(std::move(other.m_metadata))
    , m_checksums(std::move(other.m_checksums))
    , m_mapping(std::exchange(other.m_mapping, nullptr))
    , m_size(std::exchange(other.m_size, 0))
{}

SafetensorsFile &SafetensorsFile::operator=(SafetensorsFile &&other) noexcept
{
    std::swap(m_path, other.m_path);
    std::swap(m_tensors, other.m_tensors);
    std::swap(m_metadata, other.m_metadata);
    std::swap(m_checksums, other.m_checksums);
    std::swap(m_mapping, other.m_mapping);
    std::swap(m_size, other.m_size);
    return *this;
}

const TensorView &SafetensorsFile::at(const std::string &name) const
{
    const auto found = m_tensors.find(name);
    if (found != m_tensors.end())
        return found->second;
    std::vector<std::string> names;
    for (const auto &[other, view] : m_tensors)
        names.push_back(other);
    const std::string nearest = nearestName(name, names);
    throw Failure({"tensor is missing",
                   m_path.string() + ": " + name,
                   {},
                   {},
                   nearest.empty() ? "" : "The nearest name in the file is " + nearest + "."});
}

void SafetensorsFile::demandUncut(const std::string &name) const
{
    std::error_code code;
    if (std::filesystem::file_size(m_path, code) < m_size && !code)
        throw Failure({"file has shrunk since it was opened", m_path.string() + ": " + name, {}, {}, "Open it again."});
}

void SafetensorsFile::demandUnchanged(const std::string &name) const
{
    const auto stored = m_checksums.find(name);
    if (stored == m_checksums.end())
        return;
    demandUncut(name);
    const TensorView &view = at(name);
    if (const std::string found = checksumText(view.data, view.bytes); found != stored->second)
        throw Failure({"numbers are not those that were written", m_path.string() + ": " + name, "checksum " + found,
                       stored->second + ", as __metadata__.checksums says",
                       "The file was damaged or changed: restore it from a copy, or take that of another step."});
}

void SafetensorsFile::demandUnchanged() const
{
    for (const auto &[name, view] : m_tensors)
        demandUnchanged(name);
}

template <class T>
std::vector<T> SafetensorsFile::read(const std::string &name, const std::vector<std::int64_t> &shape) const
{
    const TensorView &view = at(name);
    const std::string where = m_path.string() + ": " + name;
    std::string allowed;
    bool readable = false;
    for (const char *dtype : kReadable<T>) {
        if (!dtype)
            continue;
        readable = readable || view.dtype == dtype;
        allowed += (allowed.empty() ? "" : " or ") + std::string(dtype);
    }
    if (!readable)
        throw Failure({"wrong dtype", where, view.dtype, allowed, {}});
    if (!shape.empty() && shape != view.shape)
        throw Failure({"wrong shape", where, shapeText(view.shape), shapeText(shape), {}});
    demandUncut(name);
    std::vector<T> values(view.bytes / sizeof(T));
    if (!values.empty())
        std::memcpy(values.data(), view.data, view.bytes); // copied: the data may lie at any address
    return values;
}

template std::vector<float> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;
template std::vector<double> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;
template std::vector<std::int64_t> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;
template std::vector<std::int32_t> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;
template std::vector<std::uint64_t> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;
template std::vector<std::uint16_t> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;
template std::vector<std::uint8_t> SafetensorsFile::read(const std::string &, const std::vector<std::int64_t> &) const;

std::string checksumsOf(const std::vector<TensorToWrite> &tensors)
{
    std::map<std::string, std::string> sums;
    for (const TensorToWrite &tensor : tensors) {
        std::size_t bytes = elementSize(tensor.dtype);
        for (const std::int64_t size : tensor.shape)
            bytes *= static_cast<std::size_t>(size);
        sums[tensor.name] = checksumText(tensor.data, bytes);
    }
    return nlohmann::json(sums).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void writeSafetensors(const std::filesystem::path &file, std::vector<TensorToWrite> tensors,
                      const std::map<std::string, std::string> &metadata, const BringTensor &bring)
{
    std::sort(tensors.begin(), tensors.end(), [](const auto &a, const auto &b) { return a.name < b.name; });
    // Wide types first, so that every tensor begins at a multiple of its element size.
    std::vector<std::size_t> order(tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return elementSize(tensors[a].dtype) > elementSize(tensors[b].dtype);
    });
    std::vector<std::size_t> begin(tensors.size()), bytes(tensors.size());
    std::size_t position = 0;
    for (const std::size_t i : order) {
        bytes[i] = elementSize(tensors[i].dtype);
        for (const std::int64_t size : tensors[i].shape) {
            if (size < 0 || __builtin_mul_overflow(bytes[i], static_cast<std::size_t>(size), &bytes[i]))
                throw Failure(
                    {"impossible shape", file.string() + ": " + tensors[i].name, shapeText(tensors[i].shape), {}, {}});
        }
        begin[i] = position;
        position += bytes[i];
    }

    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty())
        header["__metadata__"] = metadata;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const TensorToWrite &tensor = tensors[i];
        if (header.contains(tensor.name))
            throw Failure({"tensor name stands twice", file.string() + ": " + tensor.name, {}, {}, {}});
        header[tensor.name] = {
            {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin[i], begin[i] + bytes[i]}}};
    }
    std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    if (text.size() > kLargestHeader)
        throw Failure({"header is too large",
                       file.string(),
                       fmt::format("{} bytes", text.size()),
                       fmt::format("at most {}", kLargestHeader),
                       {}});

    AtomicFile output(file);
    const std::uint64_t length = text.size();
    output.write(&length, kLengthBytes);
    output.write(text.data(), text.size());
    for (const std::size_t i : order)
        output.write(!tensors[i].data && bytes[i] > 0 && bring ? bring(tensors[i]) : tensors[i].data, bytes[i]);
    output.commit();
}

} // namespace sparsescope
