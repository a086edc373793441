#pragma once

#include "core/base/damage_failure.h"
#include "core/base/storage_failure.h"

#include <exception>

/// What a program ends with (DESIGN.md 5), decided in one place for both programs. 2: what was asked for cannot be - a word
/// of the command line, a field, a file or folder named there that is missing or of another kind - and nothing was begun.
/// 1: work was begun and failed, wholly or in part, as on damaged files and full disks. What is inside a checkpoint or a run
/// is the latter for every command that opens it: a config.json of no model, tensors missing or of another shape, NaN.
namespace sparsescope {

enum ExitCode { kDone = 0, kFailed = 1, kBadUsage = 2, kDoesNotHold = 3, kInterrupted = 130 };

/// kBadUsage for a ConfigFailure and for a Failure that names an option ("--device"); kFailed for everything else.
inline ExitCode exitCodeOf(const std::exception &failure)
{
    if (dynamic_cast<const DamageFailure *>(&failure))
        return kFailed;
    if (const auto *one = dynamic_cast<const Failure *>(&failure))
        return one->error().where.rfind("--", 0) == 0 ? kBadUsage : kFailed;
    return dynamic_cast<const ConfigFailure *>(&failure) ? kBadUsage : kFailed;
}

/// Looks at something that the command line asks for: what fails here is bad usage. Full disks stay failures of work.
template <class Look>
auto asked(Look look)
{
    try {
        return look();
    } catch (const StorageFailure &) {
        throw;
    } catch (const Failure &failure) {
        throw ConfigFailure({failure.error()});
    }
}

} // namespace sparsescope
