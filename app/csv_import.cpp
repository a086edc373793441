#include "app/csv_import.h"

#include "app/fresh_folder.h"
#include "core/base/csv_series.h"
#include "core/base/run_store.h"

#include <cctype>
#include <map>
#include <memory>
#include <system_error>
#include <vector>

namespace sparsescope {

namespace {

/// "Loss of run 3.csv" as the name of an experiment: "loss-of-run-3".
std::string nameOf(const std::filesystem::path &table)
{
    std::string name;
    for (const char c : table.stem().string()) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte < 128 && std::isalnum(byte) != 0;
        if (plain) {
            name += static_cast<char>(std::tolower(byte));
        } else if (!name.empty() && name.back() != '-') {
            name += '-';
        }
    }
    while (!name.empty() && name.back() == '-') {
        name.pop_back();
    }
    return name.empty() ? "table" : name.substr(0, 56);
}

} // namespace

std::filesystem::path importCsv(const std::filesystem::path &table, Family family, const std::filesystem::path &out,
                                std::size_t lines)
{
    const CsvSeries read = readCsvSeries(table, lines);
    const std::filesystem::path experiment = freshFolder(out, nameOf(table));
    const nlohmann::ordered_json document{{"schema", 1},
                                          {"name", experiment.filename().string()},
                                          {"question", "Curves from " + table.filename().string()},
                                          {"training", {{"steps", std::max<std::int64_t>(1, read.lastStep)}}},
                                          {"sweep", {{"family", {toString(family)}}}}};
    const RunConfig config = expand(parseExperiment(document, table.string())).front();
    std::map<std::int64_t, std::vector<Scalar>> steps;
    for (const auto &[metric, series] : read.series) {
        for (const Point &point : series) {
            steps[static_cast<std::int64_t>(point.x)].push_back({metric, point.y});
        }
    }
    const std::filesystem::path folder = experiment / config.folder();
    std::filesystem::create_directories(folder.parent_path());
    const std::unique_ptr<RunWriter> writer = RunWriter::create(folder, config);
    std::error_code ignored;
    writer->value("source", std::filesystem::absolute(table, ignored).lexically_normal().string());
    for (const auto &[step, values] : steps) {
        writer->scalars(step, 0, values);
    }
    writer->state(RunState::Finished);
    writer->flush();
    return experiment;
}

} // namespace sparsescope
