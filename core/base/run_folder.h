#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

/// Names inside a run folder (CONTRACTS.md 3), shared by its writer and its readers.
namespace sparsescope {

constexpr int kRunSchema = 1; ///< of run.json and, as user_version, of run.sqlite

inline std::filesystem::path runFile(const std::filesystem::path &folder) { return folder / "run.json"; }
inline std::filesystem::path databaseFile(const std::filesystem::path &folder) { return folder / "run.sqlite"; }

/// Row of the table `state`: whose database it is, as RunConfig::folder() says it. Absent in older runs.
constexpr const char *kRunKey = "run";

std::string stepName(std::int64_t step); ///< 8 digits: "00001200"
bool isStepName(const std::string &name);

} // namespace sparsescope
