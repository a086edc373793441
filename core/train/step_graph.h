#pragma once

#include <functional>
#include <memory>

namespace sparsescope {

/// Work of a CUDA device, recorded once and then started as one: no launch of its parts costs the host anything. All memory that
/// the work takes while it is recorded stays reserved for it, shared with the other graphs of the thread, of which one runs at a
/// time; what it reads and writes besides must stay where it is for as long as it is replayed.
class StepGraph {
public:
    StepGraph();
    ~StepGraph();

    /// Records what `work` gives to the current stream (not the default one); nothing of it runs. Throws what `work` throws,
    /// and c10::Error when something in it cannot be recorded.
    void record(const std::function<void()> &work);
    /// Starts the recorded work on the current stream.
    void replay();
    /// Operations in the graph.
    std::size_t operations() const;

private:
    struct Recording;
    std::unique_ptr<Recording> m_recording;
};

} // namespace sparsescope
