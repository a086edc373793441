#include "kernels/ops/benchmark_timer.h"

#include <ATen/Context.h>
#include <ATen/ops/_scaled_mm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <c10/util/Exception.h>

#ifdef SPARSESCOPE_HAS_KERNELS
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <dlfcn.h>
#endif

#include <algorithm>
#include <functional>
#include <limits>

namespace dsa::benchmark {

namespace {

#ifdef SPARSESCOPE_HAS_KERNELS

constexpr int kRepeats = 5;

/// Best of a few, in seconds.
double bestOf(const std::function<void()> &work)
{
    double best = std::numeric_limits<double>::infinity();
    work();
    for (int i = 0; i < kRepeats; ++i) {
        best = std::min(best, microsecondsOnCard(work) * 1e-6);
    }
    return best;
}

/// Clocks as the driver's management library says them; it is loaded by name, for it is there wherever a card is.
void readClocks(Machine &machine, const char *busId)
{
    enum Clock : unsigned { kMultiprocessor = 1, kMemory = 2 };
    using Device = void *;
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!library) {
        return;
    }
    const auto init = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
    const auto find =
        reinterpret_cast<int (*)(const char *, Device *)>(dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
    const auto now = reinterpret_cast<int (*)(Device, unsigned, unsigned *)>(dlsym(library, "nvmlDeviceGetClockInfo"));
    const auto highest =
        reinterpret_cast<int (*)(Device, unsigned, unsigned *)>(dlsym(library, "nvmlDeviceGetMaxClockInfo"));
    Device device = nullptr;
    if (init && find && now && highest && init() == 0 && find(busId, &device) == 0) {
        unsigned value = 0;
        machine.clockMhz = now(device, kMultiprocessor, &value) == 0 ? value : 0;
        machine.memoryClockMhz = now(device, kMemory, &value) == 0 ? value : 0;
        machine.highestClockMhz = highest(device, kMultiprocessor, &value) == 0 ? value : 0;
    }
    // Stays loaded: the driver may be using it.
}

double productFlops(at::ScalarType type, const at::Device &device, std::int64_t size)
{
    const at::Tensor a = at::randn({size, size}, at::TensorOptions().device(device)).to(type),
                     b = at::randn({size, size}, at::TensorOptions().device(device)).to(type);
    const double n = static_cast<double>(size);
    return 2 * n * n * n / bestOf([&] { at::mm(a, b); });
}

/// The right factor lies by columns; sums as short as the tensor cores keep them.
double e4m3ProductFlops(const at::Device &device, std::int64_t size)
{
    const at::Tensor a = at::randn({size, size}, at::TensorOptions().device(device)).to(at::kFloat8_e4m3fn),
                     b = at::randn({size, size}, at::TensorOptions().device(device)).to(at::kFloat8_e4m3fn).t(),
                     one = at::ones({}, at::TensorOptions().device(device));
    const double n = static_cast<double>(size);
    return 2 * n * n * n /
           bestOf([&] { at::_scaled_mm(a, b, one, one, std::nullopt, std::nullopt, at::kBFloat16, true); });
}

#endif

} // namespace

Machine describeMachine(const std::string &name)
{
    Machine machine;
    const at::Device device(name);
    machine.device = name;
    machine.name = "CPU";
    machine.isCuda = device.is_cuda();
    if (!machine.isCuda) {
        return machine;
    }
#ifdef SPARSESCOPE_HAS_KERNELS
    const c10::cuda::CUDAGuard guard(device);
    const int index = guard.current_device().index();
    cudaDeviceProp properties{};
    C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
    machine.device = "cuda:" + std::to_string(index);
    machine.name = properties.name;
    machine.multiprocessors = properties.multiProcessorCount;
    machine.memoryBytes = static_cast<double>(properties.totalGlobalMem);
    machine.cacheBytes = properties.l2CacheSize;
    {
        const at::Tensor from = at::randn({std::int64_t{1} << 27}, at::TensorOptions().device(device)),
                         to = at::empty_like(from);
        machine.bytesPerSecond = 2.0 * static_cast<double>(from.nbytes()) / bestOf([&] { at::Tensor(to).copy_(from); });
    }
    const bool allowedBefore = at::globalContext().allowTF32CuBLAS();
    at::globalContext().setAllowTF32CuBLAS(false);
    machine.flopsFloat = productFlops(at::kFloat, device, 4096);
    at::globalContext().setAllowTF32CuBLAS(allowedBefore);
    machine.flopsLow = productFlops(at::kBFloat16, device, 8192);
    if (properties.major >= 9) {
        machine.flopsE4m3 = e4m3ProductFlops(device, 8192);
    }
    // The clock of a busy card: asked while products are still in its queue.
    const at::Tensor a = at::randn({8192, 8192}, at::TensorOptions().device(device).dtype(at::kBFloat16));
    for (int i = 0; i < 40; ++i) {
        at::mm(a, a);
    }
    char busId[32] = {};
    C10_CUDA_CHECK(cudaDeviceGetPCIBusId(busId, sizeof busId, index));
    readClocks(machine, busId);
    C10_CUDA_CHECK(cudaDeviceSynchronize());
    return machine;
#else
    TORCH_CHECK(false, "bench: this build has no CUDA kernels to measure; --device cpu times the CPU path");
    return machine;
#endif
}

} // namespace dsa::benchmark
