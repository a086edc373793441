#include "core/base/stored_checks.h"

#include "core/base/error.h"
#include "core/base/gates.h"
#include "core/base/run_folder.h"
#include "core/base/sqlite.h"

#include <map>
#include <string>

namespace sparsescope {
namespace {

const std::string kGates = "check/"; ///< how storedKey() begins
constexpr int kPatienceMs = 5'000;   // a commit of the writer takes milliseconds

/// Key and value of every gate's row: one look at the database, not one a gate.
std::map<std::string, std::string> storedRows(const RunReader &run)
{
    const Database database(databaseFile(run.folder()), Database::Mode::Read, kPatienceMs);
    Statement statement(database, "SELECT key, value FROM state WHERE substr(key, 1, length(?)) = ?");
    statement.bind(kGates).bind(kGates);
    std::map<std::string, std::string> rows;
    while (statement.next()) {
        rows.emplace(statement.text(0), statement.text(1));
    }
    return rows;
}

} // namespace

void storeChecks(RunWriter &writer, const std::vector<CheckResult> &results)
{
    for (const CheckResult &result : results) {
        writer.value(storedKey(gate(result.gate)), toJson(result).dump());
    }
}

std::vector<CheckResult> readChecks(const RunReader &run)
{
    const std::map<std::string, std::string> stored = storedRows(run);
    std::vector<CheckResult> results;
    for (const GateInfo &info : gates()) {
        const auto found = stored.find(storedKey(info));
        if (found == stored.end()) {
            continue;
        }
        try {
            results.push_back(checkResultFromJson(nlohmann::json::parse(found->second)));
            results.back().gate = info.name; // whatever the row says
        } catch (const std::exception &) {
            results.push_back(
                {info.name, run.config().folder(), CheckOutcome::NotRun, {}, {}, "the stored result cannot be read"});
        }
    }
    return results;
}

void storeFingerprint(RunWriter &writer, const RunFingerprint &fingerprint)
{
    writer.value(kFingerprintKey, toJson(fingerprint).dump());
}

std::optional<RunFingerprint> readFingerprint(const RunReader &run)
{
    return fingerprintFromText(run.value(kFingerprintKey));
}

std::optional<RunFingerprint> fingerprintFromText(const std::optional<std::string> &stored)
{
    if (!stored) {
        return std::nullopt;
    }
    try {
        return fingerprintFromJson(nlohmann::json::parse(*stored));
    } catch (const std::exception &) {
        return std::nullopt;
    }
}

} // namespace sparsescope
