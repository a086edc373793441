#include "kernels/ops/value_checks.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <mutex>
#include <utility>

namespace dsa {

namespace {

std::atomic<bool> switchedOn{false};
std::mutex mutex;
std::vector<std::pair<std::string, Tensor>> found; ///< message, bool [] on the device

void remember(std::string message, const Tensor &flag)
{
    const std::lock_guard lock(mutex);
    found.emplace_back(std::move(message), flag);
}

} // namespace

void set_value_checks(bool on)
{
    switchedOn = on;
    const std::lock_guard lock(mutex);
    found.clear();
}

namespace checks {

void reportValues()
{
    if (!switchedOn) {
        return;
    }
    std::vector<std::pair<std::string, Tensor>> pending;
    {
        const std::lock_guard lock(mutex);
        pending.swap(found);
    }
    for (const auto &[message, flag] : pending) {
        TORCH_CHECK(!flag.item().toBool(), message);
    }
}

void noNan(const char *op, const char *name, const Tensor &x)
{
    if (switchedOn) {
        remember(std::string(op) + ": " + name + " must not be NaN, got NaN in an earlier call", x.isnan().any());
    }
}

Tensor indicesBelow(const char *op, const char *name, const Tensor &idx, std::int64_t size)
{
    if (!switchedOn) {
        return idx;
    }
    const Tensor bad = idx.ge(size);
    remember(std::string(op) + ": " + name + " must be below " + std::to_string(size) +
                 ", got a larger one in an earlier call",
             bad.any());
    return idx.masked_fill(bad, -1);
}

} // namespace checks

} // namespace dsa
