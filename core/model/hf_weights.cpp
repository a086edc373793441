#include "core/model/hf_weights.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/hf_checkpoint.h"

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <map>

namespace sparsescope {

namespace {

/// Is it the same model, tensor by tensor?
void demandSameShapes(const Transformer &model, const HfCheckpoint &checkpoint)
{
    std::map<std::string, std::vector<std::int64_t>> left;
    for (const HfTensor &tensor : checkpoint.tensors()) {
        left.emplace(tensor.name, tensor.shape);
    }
    const auto refuse = [&](const std::string &name, const std::string &found, const std::string &allowed) {
        throw Failure({"the checkpoint is of another model", checkpoint.files().where(name), found, allowed,
                       "Take a checkpoint of this run."});
    };
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        for (const HfTensor &tensor : checkpoint.asStored(entry)) {
            const auto found = left.find(tensor.name);
            if (found == left.end() || found->second != tensor.shape) {
                refuse(tensor.name, found == left.end() ? "nothing" : shapeText(found->second),
                       shapeText(tensor.shape));
            }
            left.erase(found);
        }
    }
    if (!left.empty()) {
        refuse(left.begin()->first, shapeText(left.begin()->second), "only tensors of the model");
    }
}

} // namespace

std::shared_ptr<Transformer> loadCheckpoint(const std::filesystem::path &folder, at::ScalarType type)
{
    const HfCheckpoint checkpoint(folder);
    checkpoint.demandWhole();
    auto model = std::make_shared<Transformer>(checkpoint.options(), Transformer::Start::Hollow);
    for (const Parameters::Entry &entry : model->parameters().entries()) {
        Parameters::set(entry, checkpoint.read(entry, type));
    }
    return model;
}

void loadWeights(Transformer &model, const std::filesystem::path &folder)
{
    const c10::NoGradGuard noGrad;
    const HfCheckpoint checkpoint(folder);
    checkpoint.demandWhole();
    demandSameShapes(model, checkpoint);
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        entry.tensor.copy_(checkpoint.read(entry, entry.tensor.scalar_type()));
    }
}

void saveCheckpoint(const Transformer &model, const std::filesystem::path &folder, const nlohmann::ordered_json &more)
{
    const c10::NoGradGuard noGrad;
    std::vector<at::Tensor> kept; // what the writer points into
    std::vector<TensorToWrite> tensors;
    for (const Parameters::Entry &entry : model.parameters().entries()) {
        const std::vector<HfTensor> parts = onDisk(entry);
        for (std::size_t i = 0; i < parts.size(); ++i) {
            kept.push_back(partOnDisk(entry, entry.tensor, i).detach().cpu().contiguous());
            tensors.push_back(
                {parts[i].name, dtypeOf(kept.back().scalar_type()), parts[i].shape, kept.back().const_data_ptr()});
        }
    }
    nlohmann::ordered_json config = toHfConfig(model.options());
    config["dtype"] = typeName(model.parameters().entries().front().tensor.scalar_type());
    for (const auto &[key, value] : more.items()) {
        config[key] = value;
    }
    makeFolder(folder);
    const std::map<std::string, std::string> metadata = {{"format", "pt"}, {kChecksumsKey, checksumsOf(tensors)}};
    writeSafetensors(folder / "model.safetensors", std::move(tensors), metadata);
    writeFileAtomically(folder / "config.json", config.dump(2) + "\n");
}

} // namespace sparsescope
