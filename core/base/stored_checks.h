#pragma once

#include "core/base/fairness.h"
#include "core/base/records.h"
#include "core/base/run_store.h"

#include <optional>
#include <vector>

/// Where a run folder keeps what the gates found: table `state`, check/<gate>, and fingerprint for what it began with.
namespace sparsescope {

/// A later result of a gate replaces an earlier one. May throw StorageFailure.
void storeChecks(RunWriter &writer, const std::vector<CheckResult> &results);
/// In the order of gates(). One that cannot be read is "not run" and says so.
std::vector<CheckResult> readChecks(const RunReader &run);

constexpr const char *kFingerprintKey = "fingerprint"; ///< of the table `state`

void storeFingerprint(RunWriter &writer, const RunFingerprint &fingerprint);
/// Nothing where the start was not recorded or cannot be read.
std::optional<RunFingerprint> readFingerprint(const RunReader &run);
std::optional<RunFingerprint> fingerprintFromText(const std::optional<std::string> &stored);

} // namespace sparsescope
