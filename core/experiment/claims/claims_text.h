#pragma once

#include <nlohmann/json.hpp>

#include <string>

/// The document of judgeClaims() in the forms that people and spreadsheets read.
namespace sparsescope {

std::string claimsMarkdown(const nlohmann::ordered_json &document);
/// A line a claim.
std::string claimsCsv(const nlohmann::ordered_json &document);
/// "3 hold, 12 do not hold, 5 are not clear, 8 are not measured".
std::string claimsHeadline(const nlohmann::ordered_json &document);

} // namespace sparsescope
