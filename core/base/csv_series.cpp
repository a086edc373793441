#include "core/base/csv_series.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace sparsescope {
namespace {

constexpr std::uintmax_t kLargest = 256u << 20;
constexpr std::size_t kMostFaults = 10, kMostColumns = 1000;

std::string_view trimmed(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(" \t\r\"");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t\r\"") - first + 1);
}

std::vector<std::string_view> cellsOf(std::string_view line, char separator)
{
    std::vector<std::string_view> cells;
    for (std::size_t from = 0; from <= line.size() && cells.size() <= kMostColumns;) {
        const std::size_t to = std::min(line.find(separator, from), line.size());
        cells.push_back(trimmed(line.substr(from, to - from)));
        from = to + 1;
    }
    return cells;
}

std::string metricOf(std::string_view column)
{
    std::string name(column);
    std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c == ' ' ? '_' : c; });
    static const std::map<std::string, std::string> kKnown{{"loss", "train.loss"},    {"train_loss", "train.loss"},
                                                           {"val_loss", "val.loss"},  {"valid_loss", "val.loss"},
                                                           {"eval_loss", "val.loss"}, {"validation_loss", "val.loss"}};
    const auto known = kKnown.find(name);
    return known == kKnown.end() ? name.substr(0, 64) : known->second;
}

std::optional<double> numberIn(std::string_view cell)
{
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    return error == std::errc() && end == cell.data() + cell.size() ? std::optional(value) : std::nullopt;
}

/// The text of the file; it goes on being there while its cells are looked at.
std::string contentOf(const std::filesystem::path &file)
{
    std::error_code failed;
    const std::uintmax_t size = std::filesystem::file_size(file, failed);
    if (failed) {
        throw Failure({"cannot be read", file.string(), failed.message(), "", ""});
    }
    if (size > kLargest) {
        throw Failure({"too large for a table", file.string(), std::to_string(size) + " bytes", "up to 256 MiB", ""});
    }
    std::ifstream stream(file, std::ios::binary);
    std::string text(size, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(size));
    text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
    return text;
}

} // namespace

CsvSeries readCsvSeries(const std::filesystem::path &file, std::size_t lines)
{
    const std::string text = contentOf(file);
    std::size_t from = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const auto nextLine = [&]() -> std::optional<std::string_view> {
        if (from >= text.size()) {
            return std::nullopt;
        }
        const std::size_t to = std::min(text.find('\n', from), text.size());
        const std::string_view line(text.data() + from, to - from);
        from = to + 1;
        return line;
    };
    const std::string_view header = nextLine().value_or(std::string_view());
    const char separator = header.find('\t') != std::string_view::npos  ? '\t'
                           : header.find(';') != std::string_view::npos ? ';'
                                                                        : ',';
    const std::vector<std::string_view> columns = cellsOf(header, separator);
    const auto step = std::find(columns.begin(), columns.end(), "step");
    if (step == columns.end() || columns.size() < 2 || columns.size() > kMostColumns) {
        throw Failure({"no table of curves", file.string(), "first line \"" + std::string(header.substr(0, 80)) + "\"",
                       "a column step and a column a metric, as in step,train.loss,val.loss", ""});
    }
    const std::size_t stepColumn = static_cast<std::size_t>(step - columns.begin());
    std::map<std::string, std::map<std::int64_t, double>> values;
    std::vector<Error> faults;
    CsvSeries result;
    std::size_t number = 1, good = 0;
    for (auto line = nextLine(); line && number < lines && faults.size() < kMostFaults; line = nextLine()) {
        ++number;
        if (trimmed(*line).empty()) {
            continue;
        }
        const std::vector<std::string_view> cells = cellsOf(*line, separator);
        const bool hadValue = !values.empty();
        const auto fault = [&](std::size_t column, const std::string &allowed) {
            good = faults.empty() && hadValue ? number - 1 : good;
            faults.push_back({"",
                              file.string() + ", line " + std::to_string(number) + ", column " +
                                  std::string(column < columns.size() ? columns[column] : "?"),
                              "\"" + std::string(column < cells.size() ? cells[column].substr(0, 40) : "") + "\"",
                              allowed, ""});
        };
        const auto at = stepColumn < cells.size() ? numberIn(cells[stepColumn]) : std::nullopt;
        if (!at || *at < 0 || *at > 1e15 || *at != std::floor(*at)) {
            fault(stepColumn, "a whole number, 0 or more");
            continue;
        }
        if (cells.size() > columns.size()) {
            fault(columns.size(), std::to_string(columns.size()) + " cells");
            continue;
        }
        for (std::size_t column = 0; column < cells.size(); ++column) {
            if (column == stepColumn || cells[column].empty()) {
                continue;
            }
            const auto value = numberIn(cells[column]);
            if (!value) {
                fault(column, "a number, or nothing");
            } else if (std::isfinite(*value)) {
                values[metricOf(columns[column])][static_cast<std::int64_t>(*at)] = *value;
                result.lastStep = std::max(result.lastStep, static_cast<std::int64_t>(*at));
            }
        }
    }
    if (!faults.empty()) {
        throw CsvFailure(std::move(faults), good);
    }
    if (values.empty()) {
        throw Failure({"holds no value", file.string(), "", "", ""});
    }
    for (const auto &[metric, points] : values) {
        Series &series = result.series[metric];
        for (const auto &[at, value] : points) {
            series.push_back({static_cast<double>(at), value});
        }
    }
    return result;
}

} // namespace sparsescope
