#pragma once

#include "core/base/safetensors.h"

#include <string>
#include <string_view>

namespace sparsescope {

/// What the JSON header of a safetensors file says, with every tensor checked against `dataBytes`, the bytes that follow
/// the header. Offsets count from the end of the header.
struct SafetensorsHeader {
    struct Entry {
        std::string dtype;
        std::vector<std::int64_t> shape;
        std::size_t begin = 0, end = 0;
    };
    std::map<std::string, Entry> tensors;
    std::map<std::string, std::string> metadata;
};

/// Throws Failure naming `file` and the tensor. Accepts exactly the format: one object of tensors, each {dtype, shape,
/// data_offsets}, and "__metadata__" of strings; no name twice; the tensors cover the data without a gap or an overlap.
SafetensorsHeader parseSafetensorsHeader(std::string_view text, std::size_t dataBytes, const std::string &file);

} // namespace sparsescope
