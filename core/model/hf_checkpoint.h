#pragma once

#include "core/base/error.h"
#include "core/model/model_options.h"
#include "core/model/parameters.h"
#include "core/model/weight_files.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace sparsescope {

/// A tensor that config.json asks for, under its name on disk.
struct HfTensor {
    std::string name;
    std::vector<std::int64_t> shape;
    int layer = -1;           ///< -1: embedding, last norm, head
    bool keepFloat32 = false; ///< stays fp32 whatever the rest is (gate.weight, e_score_correction_bias)
};

/// A checkpoint folder, opened: config.json understood and every tensor compared with what it asks for, by name, shape and
/// type, before a number is read. Stricter than transformers (CHECKPOINTS.md): what is missing, unexpected or misshaped is a
/// problem that names file and tensor. Takes memory for names, never for sizes that a file merely claims.
class HfCheckpoint {
public:
    /// Throws DamageFailure for a config.json that no model can be made of, Failure for files that cannot be opened.
    explicit HfCheckpoint(const std::filesystem::path &folder);

    const std::filesystem::path &folder() const { return m_folder; }
    const nlohmann::ordered_json &config() const { return m_config; }
    const ModelOptions &options() const { return m_options; }
    const WeightFiles &files() const { return m_files; }
    /// In the order of the model; experts apart or fused, as the files have them.
    const std::vector<HfTensor> &tensors() const { return m_tensors; }
    /// The first of them; empty: the folder holds the model that its config.json describes.
    const std::vector<Error> &problems() const { return m_problems; }
    /// Throws DamageFailure with the problems.
    void demandWhole() const;

    /// The tensors of these files that hold a parameter: the fused name where they have it, else onDisk().
    std::vector<HfTensor> asStored(const Parameters::Entry &parameter) const;
    /// The numbers of a parameter, experts joined. Throws Failure for numbers that are not finite.
    at::Tensor read(const Parameters::Entry &parameter, at::ScalarType type) const;
    /// Tensors of layers behind the last one, which predict further tokens and are not part of the model.
    std::size_t ignored() const { return m_ignored; }

private:
    void demandPlausible() const;
    void compare(const HfTensor &tensor);
    void findUnexpected();
    bool isIgnored(const std::string &name) const;
    void problem(Error error);

    std::filesystem::path m_folder, m_configFile;
    nlohmann::ordered_json m_config;
    ModelOptions m_options;
    WeightFiles m_files;
    std::vector<HfTensor> m_tensors;
    std::set<std::string> m_known; ///< names that the model takes, scales included
    std::vector<Error> m_problems;
    std::size_t m_ignored = 0;
};

/// A parameter as it lies on disk: one name, or those of every expert for the fused ones.
std::vector<HfTensor> onDisk(const Parameters::Entry &parameter);
/// The part of `whole`, shaped like the parameter, that is the i-th of onDisk(parameter); a view.
at::Tensor partOnDisk(const Parameters::Entry &parameter, const at::Tensor &whole, std::size_t i);

} // namespace sparsescope
