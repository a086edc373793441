#pragma once

#include "core/model/selector.h"

namespace sparsescope {

/// The indexer's choice when its queries and keys are rounded before they are multiplied; weights and sums stay in fp32. Bf16 is
/// what training on a card multiplies in; E4m3 has a power of two for each row of up to 128 values, as dsa::index_quantize makes it.
class RoundedSelector : public Selector {
public:
    enum class Type { Bf16, E4m3 };
    explicit RoundedSelector(Type type)
        : m_type(type)
    {}
    SelectorOutput select(const SelectorInput &input) const override;

private:
    Type m_type;
};

std::unique_ptr<Selector> makeBf16Selector();
std::unique_ptr<Selector> makeE4m3Selector();

} // namespace sparsescope
