#pragma once

#include "core/model/transformer.h"

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace sparsescope {

using NamedTensors = std::map<std::string, at::Tensor>;

/// Everything `forward` writes, by its name there: logits, hidden.N, layerN.index_scores, layerN.selected. ids int64 [B,S].
NamedTensors forwardResults(Transformer &model, const at::Tensor &ids, WeightPager *pager = nullptr);

/// Into one file; bf16 and fp16 as F32.
void writeTensors(const std::filesystem::path &file, const NamedTensors &tensors,
                  const std::map<std::string, std::string> &metadata);

} // namespace sparsescope
