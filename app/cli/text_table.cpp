#include "app/cli/text_table.h"

#include "app/cli/output.h"

#include <fmt/format.h>

#include <algorithm>

namespace sparsescope {
namespace {

std::string padded(const std::string &text, std::size_t width, bool right)
{
    const std::string blanks(width > text.size() ? width - text.size() : 0, ' ');
    return right ? blanks + text : text + blanks;
}

} // namespace

void printRows(const std::vector<std::vector<std::string>> &rows, std::size_t words, Output &output)
{
    std::vector<std::size_t> widths(rows[0].size(), 0);
    for (const auto &row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto &row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i)
            line += (i == 0 ? "" : "  ") + padded(row[i], widths[i], i >= words);
        output.line(line);
    }
}

void printTable(const TextTable &table, Output &output)
{
    std::vector<std::vector<std::string>> rows{table.columns};
    rows.insert(rows.end(), table.rows.begin(), table.rows.end());
    output.line(table.title);
    printRows(rows, 3, output);
    output.line("");
}

void printGates(const TextTable &gates, Output &output)
{
    if (gates.rows.empty())
        return;
    output.line(gates.title);
    for (const auto &row : gates.rows) {
        output.line(fmt::format("  {:<8} {:<29} {}: {}", row[0], row[1], row[2], row[3]));
        output.line(fmt::format("  {:<8} {:<29} {}", "", "", row[4]));
    }
    output.line("");
}

} // namespace sparsescope
