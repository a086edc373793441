#include "core/base/table_text.h"

namespace sparsescope {
namespace {

std::string tableRow(const std::vector<std::string> &cells)
{
    std::string line = "|";
    for (const std::string &text : cells)
        line += " " + text + " |";
    return line + "\n";
}

} // namespace

std::string markdownCell(const std::string &text)
{
    std::string safe;
    for (const char c : text) {
        if (c == '\n' || c == '\r')
            safe += ' ';
        else
            safe += c == '|' ? std::string("\\|") : std::string(1, c);
    }
    return safe.empty() ? "-" : safe;
}

std::string markdownTable(const std::vector<std::string> &titles, const std::vector<std::vector<std::string>> &rows)
{
    std::string text = tableRow(titles) + tableRow(std::vector<std::string>(titles.size(), "---"));
    for (const auto &row : rows)
        text += tableRow(row);
    return text;
}

std::string csvCell(const std::string &text)
{
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string quoted = "\"";
    for (const char c : text)
        quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

std::string csvLine(const std::vector<std::string> &cells)
{
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i)
        line += (i == 0 ? "" : ",") + csvCell(cells[i]);
    return line + "\r\n";
}

} // namespace sparsescope
