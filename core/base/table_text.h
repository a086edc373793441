#pragma once

#include <string>
#include <vector>

/// Tables for pages and for spreadsheets.
namespace sparsescope {

/// Text inside a Markdown table: one line, no bar that would end the cell; a dash where there is none.
std::string markdownCell(const std::string &text);
/// Cells as they are given.
std::string markdownTable(const std::vector<std::string> &titles, const std::vector<std::vector<std::string>> &rows);

/// Quoted where it has to be (RFC 4180).
std::string csvCell(const std::string &text);
/// The cells quoted, with commas and CRLF.
std::string csvLine(const std::vector<std::string> &cells);

} // namespace sparsescope
