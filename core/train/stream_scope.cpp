#include "core/train/stream_scope.h"

#ifdef SPARSESCOPE_TORCH_HAS_CUDA
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <map>

namespace sparsescope {

#ifdef SPARSESCOPE_TORCH_HAS_CUDA

namespace {

void putBehind(const c10::cuda::CUDAStream &later, const c10::cuda::CUDAStream &earlier)
{
    c10::cuda::CUDAEvent event;
    event.record(earlier);
    event.block(later);
}

c10::cuda::CUDAStream ownStream(c10::DeviceIndex device)
{
    thread_local std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
    auto found = streams.find(device);
    if (found == streams.end()) {
        found = streams.emplace(device, c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)).first;
    }
    return found->second;
}

} // namespace

struct StreamScope::Switch {
    c10::cuda::CUDAStream before, own;
};

StreamScope::StreamScope(const c10::Device &device)
{
    if (!device.is_cuda()) {
        return;
    }
    const c10::cuda::CUDAStream before = c10::cuda::getCurrentCUDAStream(device.index());
    const c10::cuda::CUDAStream own = ownStream(before.device_index());
    if (before == own) {
        return;
    }
    putBehind(own, before);
    c10::cuda::setCurrentCUDAStream(own);
    m_switch.reset(new Switch{before, own});
}

StreamScope::~StreamScope()
{
    if (m_switch) {
        c10::cuda::setCurrentCUDAStream(m_switch->before);
        putBehind(m_switch->before, m_switch->own);
    }
}

#else

struct StreamScope::Switch {};
StreamScope::StreamScope(const c10::Device &) {}
StreamScope::~StreamScope() = default;

#endif

} // namespace sparsescope
