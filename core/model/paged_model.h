#pragma once

#include "core/model/hf_checkpoint.h"
#include "core/model/transformer.h"

#include <filesystem>

namespace sparsescope {

/// A checkpoint that runs one block at a time: the weights of a block are read when it runs and forgotten after, so that
/// memory holds the largest block, not the model. Give it to forward() of its own model as `pager`.
class PagedModel : public WeightPager {
public:
    /// Throws as HfCheckpoint does; weights that are not those of config.json throw DamageFailure.
    PagedModel(const std::filesystem::path &folder, at::ScalarType type);

    Transformer &model() { return m_model; }
    const ModelOptions &options() const { return m_checkpoint.options(); }
    void bring(int part) override;
    void release(int part) override;

private:
    bool belongs(const std::string &name, int part) const;

    HfCheckpoint m_checkpoint;
    at::ScalarType m_type;
    Transformer m_model;
};

} // namespace sparsescope
