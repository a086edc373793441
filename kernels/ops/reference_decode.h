#pragma once

#include "kernels/ops/dsa.h"

/// The operations of dsa_decode.h in plain tensor code: unchecked, on any device, and with float64 weights or queries the oracle
/// of the tests. Nothing waits for a device, and one request is worked off after the other.
namespace dsa::reference {

struct QuantizedRows {
    Tensor values; ///< e4m3, as x
    Tensor scale;  ///< fp32, x without its last dimension
};
/// Rows of x with a power of two each; a row with a NaN or an infinity is NaN throughout.
QuantizedRows quantizeRows(const Tensor &x);

Tensor decodeScores(const Tensor &q8, const Tensor &w, const Tensor &pages, const Tensor &table, const Tensor &lengths);
/// bool [B,T,S]: the selected keys.
Tensor decodeMask(const Tensor &scores, std::int64_t k, const Tensor &lengths);
std::tuple<Tensor, Tensor> gatheredDecode(const Tensor &q, const Tensor &pages, const Tensor &table, const Tensor &idx,
                                          std::int64_t dv, double scale);

} // namespace dsa::reference
