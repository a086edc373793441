#pragma once

#include "core/base/pair_comparison.h"
#include "core/experiment/run_files.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace sparsescope {

struct StoredSummary;

/// The run folders of an experiment, sorted. Throws Failure where there is no such folder, no run in it, or it is a run itself or
/// holds experiments.
std::vector<std::filesystem::path> experimentRuns(const std::filesystem::path &experimentFolder);
/// Reads every run below an experiment folder and writes summary.json, summary.csv, comparisons.csv, RESULTS_SUMMARY.md and
/// seq_<L>/<family>_results.json (CONTRACTS.md 3, 6), atomically. Returns the summary; a run that cannot
/// be read is a row with "error" there, and the others go on. "problems": what is damaged, a text a run, with paths seen from
/// the folder; "not_kept": [{run, files}], what the databases name and is not there, though nothing that was measured is
/// missing. `examined`: what is known to be wrong with the runs' files, of which the damage joins the problems.
nlohmann::ordered_json writeReport(const std::filesystem::path &experimentFolder,
                                   const std::vector<ExaminedRun> &examined = {});
/// Of an experiment whose runs are elsewhere: the tables again, from its summary, which stays as it is.
void writeReducedReport(const StoredSummary &summary);
/// "3 files: a, b and 1 more", of a list of "not_kept".
std::string filesInWords(const nlohmann::ordered_json &files);
/// The finished runs of an experiment, for comparePairs(). What cannot be read is left out and told in `problems`.
std::vector<ComparedRun> comparedRuns(const std::filesystem::path &experimentFolder,
                                      std::vector<std::string> &problems);
/// The same summary without writing anything.
nlohmann::ordered_json summarise(const std::filesystem::path &experimentFolder);

} // namespace sparsescope
