#pragma once

#include "core/data/data_source.h"
#include "core/model/transformer.h"
#include "core/train/soundness.h"

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
    /// What a run of this configuration wrote down.
    std::optional<RecordedProbes> recorded(std::optional<RecordedProbes> recorded, const RunConfig &config) const;
    const Selector *selector() const { return m_selector.get(); }

private:
    std::string m_name;
    std::unique_ptr<Selector> m_selector;
};

} // namespace sparsescope
