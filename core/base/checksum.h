#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sparsescope {

/// FNV-1a over words of eight bytes, little endian, the last one filled up with zeros; high bits are folded into low ones after
/// every word. Finds damage, not intent.
inline std::uint64_t checksum(const void *data, std::size_t bytes)
{
    constexpr std::uint64_t kStart = 0xCBF29CE484222325u, kPrime = 0x100000001B3u;
    const auto *place = static_cast<const std::byte *>(data);
    std::uint64_t state = kStart ^ bytes;
    for (std::size_t done = 0; done < bytes; done += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, place + done, bytes - done < sizeof(word) ? bytes - done : sizeof(word));
        state = (state ^ word) * kPrime;
        state ^= state >> 32;
    }
    return state;
}

} // namespace sparsescope
