#pragma once

#include "core/data/data_source.h"
#include "core/model/transformer.h"
#include "core/train/soundness.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace sparsescope {

/// What a planted fault does to a run that is about to be judged; an empty name does nothing.
class Planting {
public:
    explicit Planting(std::string name);

    RunConfig config(RunConfig config) const;
    ModelOptions options(ModelOptions options) const;
    std::unique_ptr<DataSource> data(std::unique_ptr<DataSource> data) const;
    /// The weights that are judged; `fresh`: those of step 0.
    void weights(Transformer &judged, const Transformer &fresh) const;
    /// What a run recorded until its last step.
    std::optional<RecordedProbes> recorded(std::optional<RecordedProbes> recorded, std::int64_t steps) const;
    const Selector *selector() const { return m_selector.get(); }

private:
    std::string m_name;
    std::unique_ptr<Selector> m_selector;
};

} // namespace sparsescope
