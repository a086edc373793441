#pragma once

#include <ATen/core/Tensor.h>

namespace dsa {

/// Rows of table [V,D] at ids (int64, any shape): [..,D]. Differentiable in the table; on a GPU the gradient of an fp32 table is
/// summed in the order of the ids, so that two runs give the same bits (the library's adds in the order of arrival where kinds
/// occur often).
at::Tensor embedding(const at::Tensor &table, const at::Tensor &ids);

/// Null when the ordered gradient is there, else why not.
const char *orderedEmbeddingRefusal(const at::Tensor &table, const at::Tensor &ids);
/// For autograd_layers.cpp: of embedding() for grad [..,D]; [V,D].
at::Tensor orderedEmbeddingGradient(const at::Tensor &grad, const at::Tensor &ids, std::int64_t kinds);

} // namespace dsa
