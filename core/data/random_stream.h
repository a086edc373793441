#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace sparsescope {

/// Ten rounds of Philox 4x32 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): for a
/// given key a bijection of the 128-bit counter, so that different counters never share a block.
inline std::array<std::uint32_t, 4> philoxBlock(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key)
{
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
        counter = {
            static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
            static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

/// Order matters; used to make one key of (seed, length, batch size, ...). The finaliser is that of SplitMix64.
constexpr std::uint64_t mixKey(std::uint64_t state, std::uint64_t value)
{
    std::uint64_t z = state * 0x9E3779B97F4A7C15u + value + 0x632BE59BD9B4E019u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// FNV-1a, 64 bits.
constexpr std::uint64_t hashText(std::string_view text, std::uint64_t state = 0xCBF29CE484222325u)
{
    for (const char c : text) {
        state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    }
    return state;
}

enum class Split : std::uint32_t { Training = 0, Validation = 1 };

/// Random numbers that are the same on every machine and compiler: nothing of <random> is used, whose distributions
/// differ between libraries. A stream is a function of (key, split, index, row) alone; two streams of one key that
/// differ in split, index or row never share a block.
class RandomStream {
public:
    RandomStream(std::uint64_t key, Split split, std::int64_t index, std::uint32_t row)
        : m_key{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}
        , m_counter{0, row * 2u + static_cast<std::uint32_t>(split), static_cast<std::uint32_t>(index),
                    static_cast<std::uint32_t>(static_cast<std::uint64_t>(index) >> 32)}
    {}

    std::uint32_t next32()
    {
        if (m_used == 4) {
            m_block = philoxBlock(m_counter, m_key);
            ++m_counter[0];
            m_used = 0;
        }
        return m_block[m_used++];
    }
    std::uint64_t next64()
    {
        const std::uint64_t high = next32();
        return high << 32 | next32();
    }
    /// Uniform over 0..n-1, without bias; n >= 1.
    std::uint64_t below(std::uint64_t n)
    {
        const std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
        const std::uint64_t limit = top - top % n;
        std::uint64_t value = next64();
        while (value >= limit) {
            value = next64();
        }
        return value % n;
    }
    /// Uniform over [0, 1), 53 bits.
    double unit() { return static_cast<double>(next64() >> 11) * 0x1p-53; }

    template <class T>
    const T &pick(const std::vector<T> &values)
    {
        return values[below(values.size())];
    }

    template <class T>
    void shuffle(std::vector<T> &values)
    {
        for (std::size_t i = values.size(); i > 1; --i) {
            std::swap(values[i - 1], values[below(i)]);
        }
    }
    /// `count` different numbers of 0..n-1 in random order; count <= n.
    std::vector<int> distinct(int count, int n)
    {
        std::vector<int> all(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i) {
            all[static_cast<std::size_t>(i)] = i;
        }
        for (int i = 0; i < count; ++i) {
            const auto other = static_cast<std::size_t>(i) + below(static_cast<std::uint64_t>(n - i));
            std::swap(all[static_cast<std::size_t>(i)], all[other]);
        }
        all.resize(static_cast<std::size_t>(count));
        return all;
    }

private:
    std::array<std::uint32_t, 2> m_key;
    std::array<std::uint32_t, 4> m_counter;
    std::array<std::uint32_t, 4> m_block{};
    int m_used = 4;
};

} // namespace sparsescope
