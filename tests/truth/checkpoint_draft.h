#pragma once

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/base/safetensors.h"
#include "core/model/hf_weights.h"
#include "core/model/weight_files.h"

#include <ATen/core/Tensor.h>

#include <QString>

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

/// A checkpoint to be changed or damaged.
namespace sparsescope::truth {

/// A copy of a checkpoint in memory: config and tensors, to be written again.
struct Draft {
    nlohmann::ordered_json config;
    std::map<std::string, at::Tensor> tensors;

    explicit Draft(const std::filesystem::path &folder)
        : config(readJsonFile(folder / "config.json"))
    {
        const SafetensorsFile file(folder / "model.safetensors");
        for (const auto &[name, view] : file.tensors()) {
            tensors[name] = toTensor(view, name);
        }
    }

    static void writeTensors(const std::filesystem::path &file, const std::map<std::string, at::Tensor> &tensors)
    {
        std::vector<TensorToWrite> list;
        for (const auto &[name, tensor] : tensors) {
            list.push_back({name, dtypeOf(tensor.scalar_type()), tensor.sizes().vec(), tensor.const_data_ptr()});
        }
        writeSafetensors(file, list);
    }

    void writeConfig(const std::filesystem::path &folder) const
    {
        writeFileAtomically(folder / "config.json", config.dump(2));
    }
    void write(const std::filesystem::path &folder) const
    {
        writeConfig(folder);
        writeTensors(folder / "model.safetensors", tensors);
    }
    /// Tensors in turn to as many files, so that the experts of one layer are spread; returns the weight map.
    nlohmann::ordered_json writeShards(const std::filesystem::path &folder, int count) const
    {
        writeConfig(folder);
        std::vector<std::map<std::string, at::Tensor>> parts(count);
        nlohmann::ordered_json map = nlohmann::ordered_json::object();
        int turn = 0;
        for (const auto &[name, tensor] : tensors) {
            const int part = turn++ % count;
            parts[part][name] = tensor;
            map[name] = fmt::format("model-{:05}-of-{:05}.safetensors", part + 1, count);
        }
        for (int part = 0; part < count; ++part) {
            writeTensors(folder / fmt::format("model-{:05}-of-{:05}.safetensors", part + 1, count), parts[part]);
        }
        writeIndex(folder, map);
        return map;
    }
    static void writeIndex(const std::filesystem::path &folder, const nlohmann::ordered_json &map)
    {
        writeFileAtomically(
            folder / "model.safetensors.index.json",
            nlohmann::ordered_json{{"metadata", nlohmann::ordered_json::object()}, {"weight_map", map}}.dump());
    }
};

inline std::string contentOf(const std::filesystem::path &file)
{
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

/// The words of the failure; empty when it opens.
inline QString refusal(const std::filesystem::path &folder)
{
    QString words;
    try {
        loadCheckpoint(folder, at::kFloat);
    } catch (const ConfigFailure &failure) {
        for (const Error &error : failure.errors()) {
            words += QString::fromStdString(error.text()) + "\n";
        }
    } catch (const Failure &failure) {
        words = QString::fromStdString(failure.error().text());
    }
    return words;
}

} // namespace sparsescope::truth
