#include "kernels/ops/kernel_support.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace dsa {

namespace {

thread_local KernelUse used = KernelUse::All;

} // namespace

KernelScope::KernelScope(KernelUse use)
    : m_before(std::exchange(used, use))
{}

KernelScope::~KernelScope() { used = m_before; }

KernelUse usedKernels() { return used; }

const char *kernelRefusal(const Tensor &x)
{
    if (!x.is_cuda()) {
        return "the tensors are on the CPU";
    }
#ifdef SPARSESCOPE_HAS_KERNELS
    const char *wanted = std::getenv("SPARSESCOPE_KERNELS");
    if (wanted && std::string_view(wanted) == "aten") {
        return "SPARSESCOPE_KERNELS=aten is set";
    }
    if (used == KernelUse::None) {
        return "training.kernels is aten";
    }
    int major = 0;
    C10_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, x.device().index()));
    if (major < 8) {
        return "the card is older than compute capability 8.0";
    }
    return x.scalar_type() == at::kDouble ? "no kernel for float64" : nullptr;
#else
    return "built without CUDA kernels";
#endif
}

const char *hopperRefusal()
{
    const char *wanted = std::getenv("SPARSESCOPE_KERNELS");
    return wanted && std::string_view(wanted) == "sm80" ? "SPARSESCOPE_KERNELS=sm80 is set"
           : used == KernelUse::Portable                ? "training.kernels is sm80"
                                                        : nullptr;
}

Tensor readable(const Tensor &x)
{
    const std::int64_t unit = std::max<std::int64_t>(1, 16 / x.element_size());
    bool fine = x.stride(-1) == 1 && reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % 16 == 0;
    for (std::int64_t d = 0; d + 1 < x.dim(); ++d) {
        fine = fine && (x.size(d) <= 1 || x.stride(d) % unit == 0);
    }
    return fine ? x : x.contiguous();
}

} // namespace dsa
