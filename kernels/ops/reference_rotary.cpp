#include "kernels/ops/reference.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>

#include <cmath>

namespace dsa::reference {

Tensor rotate(const Tensor &x, const Tensor &cos, const Tensor &sin, RopeStyle style, bool inverse)
{
    const std::int64_t pairs = cos.size(-1), width = x.size(-1);
    const at::ScalarType type = accumulateType(x.scalar_type());
    const Tensor c = cos.to(type), s = sin.to(type);
    const double sign = inverse ? -1.0 : 1.0;
    const auto first = [&](const Tensor &t) {
        return style == RopeStyle::HalfSplit ? t.narrow(-1, 0, pairs) : t.slice(-1, 0, 2 * pairs, 2);
    };
    const auto second = [&](const Tensor &t) {
        return style == RopeStyle::HalfSplit ? t.narrow(-1, pairs, pairs) : t.slice(-1, 1, 2 * pairs, 2);
    };
    const Tensor a = first(x).to(type), b = second(x).to(type);
    Tensor out = at::empty_like(x, at::MemoryFormat::Contiguous);
    first(out).copy_(at::mul(a, c).addcmul_(b, s, -sign));
    second(out).copy_(at::mul(b, c).addcmul_(a, s, sign));
    if (width > 2 * pairs) {
        out.narrow(-1, 2 * pairs, width - 2 * pairs).copy_(x.narrow(-1, 2 * pairs, width - 2 * pairs));
    }
    return out;
}

Tensor hadamard(const Tensor &x)
{
    const at::ScalarType type = accumulateType(x.scalar_type());
    Tensor h = at::ones({1, 1}, x.options().dtype(type));
    while (h.size(0) < x.size(-1)) {
        h = at::cat({at::cat({h, h}, 1), at::cat({h, h.neg()}, 1)}, 0);
    }
    return at::matmul(x.to(type), h).mul_(1.0 / std::sqrt(static_cast<double>(x.size(-1)))).to(x.scalar_type());
}

} // namespace dsa::reference
