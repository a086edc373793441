#include "core/data/split_overlap.h"

#include <algorithm>
#include <unordered_map>

namespace sparsescope {
namespace {

constexpr std::int64_t kMostStrings = std::int64_t{1} << 20;
constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15; // odd, bits well spread

/// Rolling polynomial hash modulo 2^64, its bits mixed at the end: the low bits of such a hash alone are weak.
class RollingHash {
public:
    RollingHash(std::span<const std::uint16_t> tokens, std::int64_t length)
        : m_tokens(tokens)
        , m_length(static_cast<std::size_t>(length))
    {
        for (std::size_t i = 0; i < m_length; ++i) {
            m_hash = m_hash * kFactor + m_tokens[i] + 1;
            m_leaving *= i == 0 ? 1 : kFactor;
        }
    }
    std::uint64_t value() const
    {
        std::uint64_t x = m_hash;
        x ^= x >> 32;
        x *= 0xD6E8FEB86659FD93;
        x ^= x >> 32;
        x *= 0xD6E8FEB86659FD93;
        return x ^ (x >> 32);
    }
    bool next()
    {
        if (m_begin + m_length >= m_tokens.size()) {
            return false;
        }
        m_hash = (m_hash - m_leaving * (m_tokens[m_begin] + 1ULL)) * kFactor + m_tokens[m_begin + m_length] + 1;
        ++m_begin;
        return true;
    }

private:
    std::span<const std::uint16_t> m_tokens;
    std::size_t m_length, m_begin = 0;
    std::uint64_t m_hash = 0, m_leaving = 1;
};

} // namespace

SplitOverlap splitOverlap(std::span<const std::uint16_t> training, std::span<const std::uint16_t> validation,
                          std::int64_t length)
{
    SplitOverlap overlap;
    overlap.length = length;
    const auto positions = static_cast<std::int64_t>(validation.size()) - length + 1;
    if (length < 1 || positions < 1) {
        return overlap;
    }
    const std::int64_t every = (positions + kMostStrings - 1) / kMostStrings;
    std::unordered_map<std::uint64_t, std::int64_t> wanted; // how often it stands in validation, until it is found
    RollingHash hash(validation, length);
    std::int64_t position = 0;
    do {
        if (position++ % every == 0) {
            ++wanted[hash.value()];
            ++overlap.strings;
        }
    } while (hash.next());
    if (static_cast<std::int64_t>(training.size()) < length) {
        return overlap;
    }
    RollingHash seen(training, length);
    do {
        if (const auto found = wanted.find(seen.value()); found != wanted.end()) {
            overlap.found += found->second;
            wanted.erase(found);
        }
    } while (!wanted.empty() && seen.next());
    return overlap;
}

} // namespace sparsescope
