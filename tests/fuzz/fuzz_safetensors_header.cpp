#include "core/base/error.h"
#include "core/base/safetensors_header.h"

#include <cstdint>

using namespace sparsescope;

/// Any bytes as the header of a safetensors file, before a little data: every tensor that is taken lies inside it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size)
{
    constexpr std::size_t kData = 64;
    try {
        const SafetensorsHeader header =
            parseSafetensorsHeader({reinterpret_cast<const char *>(bytes), size}, kData, "fuzz.safetensors");
        for (const auto &[name, entry] : header.tensors) {
            if (entry.begin > entry.end || entry.end > kData)
                __builtin_trap();
        }
    } catch (const Failure &) {
    }
    return 0;
}
