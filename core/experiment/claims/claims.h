#pragma once

#include "core/experiment/claims/claim.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <vector>

namespace sparsescope {

/// The 28 claims of the study (CONTRACTS.md 8), by id.
const std::vector<Claim> &claims();

/// What the results below a folder say to every claim: {schema, claims: [{id, claim, claimed, judged, verdict, because, measured:
/// [{support, text, sources}], seeds, steps, parameters, models, data, cards}], counts, not_kept: [{results, text}], problems}. Throws Failure where there is no such
/// folder. Pure of torch.
nlohmann::ordered_json judgeClaims(const std::filesystem::path &root);
/// The same, written as claims.json, claims.csv and CLAIMS.md into the folder, each atomically.
nlohmann::ordered_json writeClaims(const std::filesystem::path &root);

} // namespace sparsescope
