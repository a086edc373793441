#include "core/train/step_graph.h"

#include <c10/util/Exception.h>

#ifdef SPARSESCOPE_TORCH_HAS_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#endif

#include <exception>

namespace sparsescope {

#ifdef SPARSESCOPE_TORCH_HAS_CUDA

namespace {

/// Memory that the graphs of a thread take turns in. An id is good for as long as one graph of it lives.
std::shared_ptr<const c10::MempoolId_t> sharedPool()
{
    thread_local std::weak_ptr<const c10::MempoolId_t> current;
    std::shared_ptr<const c10::MempoolId_t> pool = current.lock();
    if (!pool) {
        pool = std::make_shared<const c10::MempoolId_t>(at::cuda::graph_pool_handle());
        current = pool;
    }
    return pool;
}

} // namespace

struct StepGraph::Recording {
    std::shared_ptr<const c10::MempoolId_t> pool = sharedPool();
    at::cuda::CUDAGraph graph{/*keep_graph=*/true};
};

void StepGraph::record(const std::function<void()> &work)
{
    m_recording.reset();
    // What earlier work left in the cache is of no use to the graph's own memory.
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto recording = std::make_unique<Recording>();
    // Thread-local: what other threads allocate meanwhile breaks nothing.
    recording->graph.capture_begin(*recording->pool, cudaStreamCaptureModeThreadLocal);
    std::exception_ptr failure;
    try {
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    try {
        recording->graph.capture_end();
    } catch (...) {
        if (!failure) {
            failure = std::current_exception();
        }
    }
    if (failure) {
        (void)cudaGetLastError(); // of the recording, which is over
        std::rethrow_exception(failure);
    }
    recording->graph.instantiate();
    m_recording = std::move(recording);
}

void StepGraph::replay()
{
    TORCH_CHECK(m_recording, "a graph was replayed before it was recorded");
    m_recording->graph.replay();
}

std::size_t StepGraph::operations() const
{
    std::size_t count = 0;
    if (m_recording) {
        C10_CUDA_CHECK(cudaGraphGetNodes(m_recording->graph.raw_cuda_graph(), nullptr, &count));
    }
    return count;
}

#else

struct StepGraph::Recording {};
void StepGraph::record(const std::function<void()> &) { TORCH_CHECK(false, "this LibTorch has no CUDA graphs"); }
void StepGraph::replay() { TORCH_CHECK(false, "this LibTorch has no CUDA graphs"); }
std::size_t StepGraph::operations() const { return 0; }

#endif

StepGraph::StepGraph() = default;
StepGraph::~StepGraph() = default;

} // namespace sparsescope
