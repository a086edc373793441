#include "core/model/paged_model.h"

#include <ATen/core/Tensor.h>

#include <fmt/format.h>

namespace sparsescope {

PagedModel::PagedModel(const std::filesystem::path &folder, at::ScalarType type)
    : m_checkpoint(folder)
    , m_type(type)
    , m_model(m_checkpoint.options(), Transformer::Start::Hollow)
{
    m_checkpoint.demandWhole();
}

bool PagedModel::belongs(const std::string &name, int part) const
{
    if (part >= 0 && part < options().nLayers) {
        return name.starts_with(fmt::format("model.layers.{}.", part));
    }
    const bool embedding = name == "model.embed_tokens.weight";
    const bool end = name == "model.norm.weight" || name == "lm_head.weight";
    return part < 0 ? embedding : end || (embedding && options().tieEmbeddings);
}

void PagedModel::bring(int part)
{
    for (const Parameters::Entry &entry : m_model.parameters().entries()) {
        if (belongs(entry.name, part)) {
            Parameters::set(entry, m_checkpoint.read(entry, m_type));
        }
    }
}

void PagedModel::release(int part)
{
    for (const Parameters::Entry &entry : m_model.parameters().entries()) {
        if (belongs(entry.name, part)) {
            Parameters::release(entry);
        }
    }
}

} // namespace sparsescope
