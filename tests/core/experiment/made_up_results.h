#pragma once

#include "core/base/presets.h"
#include "core/experiment/claims/claims.h"
#include "tests/core/experiment/stored_runs.h"

#include <QTemporaryDir>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

/// Results that are made up, and what the claims say of them.
namespace sparsescope::testing {

using Json = nlohmann::ordered_json;

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

inline Json readJson(const std::filesystem::path &file)
{
    std::ifstream input(file);
    return Json::parse(input);
}

inline std::string axisOf(const RunConfig &run, const std::string &name)
{
    for (const auto &[axis, value] : run.extraAxes) {
        if (axis == name)
            return value;
    }
    return {};
}

/// A few thousandths of a nat that differ from seed to seed.
inline double jitter(const RunConfig &run) { return 0.001 * static_cast<double>(run.training.seed % 3); }

inline const Json &claim(const Json &document, int id)
{
    for (const Json &row : document["claims"]) {
        if (row["id"] == id)
            return row;
    }
    throw std::runtime_error("no claim " + std::to_string(id));
}

inline std::string verdict(const Json &document, int id) { return claim(document, id)["verdict"]; }

inline std::string because(const Json &document, int id)
{
    const Json &reason = claim(document, id)["because"];
    return reason.is_null() ? std::string() : reason.get<std::string>();
}

inline std::string measured(const Json &document, int id)
{
    std::string text;
    for (const Json &one : claim(document, id)["measured"])
        text += one["text"].get<std::string>() + "\n";
    return text;
}

inline Json stepRow(const char *family, int length, double ms, double bytes, std::int64_t parameters)
{
    return {{"family", family},
            {"sequence_length", length},
            {"batch", 16},
            {"vocabulary", 49152},
            {"top_k", std::string(family) == "sparse" ? Json(length / 2) : Json()},
            {"parameters", parameters},
            {"agree", true},
            {"bytes", 1e9},
            {"flops", 1e12},
            {"timings", Json::array({{{"path", "captured"},
                                      {"detail", "one CUDA graph"},
                                      {"ms", ms},
                                      {"ms_quartiles", {ms * 0.99, ms * 1.01}},
                                      {"peak_bytes", bytes}}})}};
}

inline Json benchDocument(const char *bench, const std::vector<Json> &rows)
{
    return {{"schema", 1}, {"bench", bench}, {"machine", {{"name", "Some Card"}}}, {"rows", rows}};
}

inline Json operationRow(const char *op, int batch, int keys, const std::map<std::string, double> &times)
{
    Json timings = Json::array();
    for (const auto &[name, us] : times)
        timings.push_back({{"name", name},
                           {"backend", "cuda"},
                           {"us", us},
                           {"us_quartiles", {us * 0.99, us * 1.01}},
                           {"peak_bytes", nullptr}});
    return {{"op", op},
            {"shape",
             {{"batch", batch},
              {"queries", keys},
              {"keys", keys},
              {"k", 2048},
              {"heads", 4},
              {"width", 64},
              {"type", "bfloat16"}}},
            {"equals_reference", true},
            {"bytes", 1e9},
            {"flops", 1e12},
            {"timings", timings}};
}

/// A folder of results below one of its own.
class ResultsFolder {
public:
    ResultsFolder()
        : m_root(std::filesystem::path(m_folder.path().toStdString()) / "results")
    {
        std::filesystem::create_directories(m_root);
    }

    const std::filesystem::path &root() const { return m_root; }
    std::filesystem::path folder(const std::string &name) const { return m_root / name; }
    /// The runs of a preset with made-up ends; the folder has the preset's name.
    void store(const std::string &preset, const LastValues &last, const std::vector<Override> &changes = {}) const
    {
        storeRuns(folder(preset), loadExperiment(presetPath(preset), changes), last);
    }
    /// exp1: the loss of DSA lies `shift(L)` above that of Classic.
    void storeExp1(const std::function<double(const RunConfig &)> &shift,
                   const std::vector<Override> &changes = {}) const
    {
        store(
            "exp1-sparse-vs-classic",
            [&](const RunConfig &run) {
                const bool sparse = isSparse(run.model.family);
                return std::vector<Scalar>{{"train.loss", 1.9},
                                           {"val.loss", 2 + (sparse ? shift(run) : 0)},
                                           {"val.accuracy", sparse ? 0.45 : 0.44},
                                           {"selection.mass_kept.chance", 0.69},
                                           {"selection.look_back", 12 + jitter(run)},
                                           {"selection.look_back.chance", 40},
                                           {"selection.coverage", 0.99 + 0.1 * jitter(run)},
                                           {"selection.coverage.chance", 1}};
            },
            changes);
    }
    void write(const std::filesystem::path &file, const Json &document) const
    {
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << document;
    }
    Json judged() const { return judgeClaims(m_root); }

private:
    QTemporaryDir m_folder;
    std::filesystem::path m_root;
};

} // namespace sparsescope::testing
