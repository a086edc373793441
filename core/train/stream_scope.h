#pragma once

#include <c10/core/Device.h>

#include <memory>

namespace sparsescope {

/// While it lives, what this thread gives to the device goes to a stream of the thread's own (a graph cannot be recorded on the
/// default one): after what was given before, and before what is given afterwards. Within another one, and on the CPU, it does
/// nothing.
class StreamScope {
public:
    explicit StreamScope(const c10::Device &device);
    ~StreamScope();
    StreamScope(const StreamScope &) = delete;
    StreamScope &operator=(const StreamScope &) = delete;

private:
    struct Switch;
    std::unique_ptr<Switch> m_switch; ///< null: nothing to undo
};

} // namespace sparsescope
