#pragma once

#include "core/base/storage_failure.h"

#include <functional>
#include <string>

namespace sparsescope {

/// Repeats a write that the disk does not take now (StorageFailure: full, folder gone) until it does, so that a step is
/// never left half recorded. Other failures pass through at once.
class StorageWait {
public:
    struct Listener {
        std::function<bool()> keepTrying; ///< asked many times a second; false gives up. Empty: never waits
        std::function<void(const std::string &)> began; ///< once for each wait, with the reason
        std::function<void()> ended;                    ///< the write went through
    };
    explicit StorageWait(Listener listener)
        : m_listener(std::move(listener))
    {}

    /// `action` may run more than once. Throws the StorageFailure of the last try when told to give up.
    void write(const std::function<void()> &action) const;

private:
    Listener m_listener;
};

} // namespace sparsescope
