#include "core/train/storage_wait.h"

#include <chrono>
#include <optional>
#include <thread>

namespace sparsescope {
namespace {

using namespace std::chrono_literals;

constexpr auto kTryEvery = 2000ms, kLookEvery = 50ms;

std::optional<Error> failureOf(const std::function<void()> &action)
{
    try {
        action();
    } catch (const StorageFailure &failure) {
        return failure.error();
    }
    return std::nullopt;
}

} // namespace

void StorageWait::write(const std::function<void()> &action) const
{
    std::optional<Error> failure = failureOf(action);
    if (!failure)
        return;
    const auto keepTrying = [this] { return m_listener.keepTrying && m_listener.keepTrying(); };
    if (!keepTrying())
        throw StorageFailure(*failure);
    m_listener.began(failure->text());
    while (failure) {
        for (auto waited = 0ms; waited < kTryEvery; waited += kLookEvery) {
            if (!keepTrying())
                throw StorageFailure(*failure);
            std::this_thread::sleep_for(kLookEvery);
        }
        failure = failureOf(action);
    }
    m_listener.ended();
}

} // namespace sparsescope
