#include "core/train/device.h"

#include "core/base/remedies.h"

#include <ATen/Context.h>
#ifdef SPARSESCOPE_TORCH_HAS_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

namespace sparsescope {
namespace {

/// How torch's allocator of host memory begins its complaint.
constexpr const char *kHostAllocator = "DefaultCPUAllocator: ";

bool cudaUsable(std::string &why)
{
    if (!at::globalContext().hasCUDA()) {
        why = "no CUDA device was found";
        return false;
    }
    try {
        at::globalContext().lazyInitDevice(at::kCUDA);
        return true;
    } catch (const std::exception &error) {
        why = describe(error);
        return false;
    }
}

/// Of "cuda" (0) and "cuda:3"; nothing where the word is none of that form.
std::optional<int> cudaIndex(const std::string &word)
{
    const std::string start = "cuda", digits = word.size() > start.size() + 1 ? word.substr(start.size() + 1) : "";
    if (word == start) {
        return 0;
    }
    if (word.rfind(start + ":", 0) != 0 || digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    return std::stoi(digits);
}

std::string firstLine(const std::string &text) { return text.substr(0, text.find('\n')); }

double statusField(const char *name)
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.rfind(name, 0) == 0) {
            return std::stod(line.substr(line.find(':') + 1)) * 1024;
        }
    }
    return 0;
}

} // namespace

at::Device resolveDevice(const std::string &device)
{
    std::string why;
    if (device == "auto") {
        return cudaUsable(why) ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
    }
    if (device == "cpu") {
        return at::Device(at::kCPU);
    }
    const std::string quoted = "\"" + device.substr(0, 40) + "\"";
    const std::optional<int> index = cudaIndex(device);
    if (!index) {
        throw Failure({"unknown device", nameOf(Place::Device), quoted, "auto, cpu, cuda or cuda:N with N from 0", ""});
    }
    if (!cudaUsable(why)) {
        throw Failure({"no CUDA device can be used here (" + why + ")", nameOf(Place::Device), quoted, "auto or cpu",
                       "Mend the driver if this machine has a card."});
    }
    const int count = static_cast<int>(at::getNumGPUs());
    if (*index >= count) {
        throw Failure(
            {fmt::format("no such CUDA device, {} {} there", count, count == 1 ? "is" : "are"), nameOf(Place::Device),
             quoted, count == 1 ? "auto, cpu or cuda:0" : fmt::format("auto, cpu, cuda:0 to cuda:{}", count - 1), ""});
    }
    return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(*index));
}

dsa::KernelUse kernelUse(Kernels kernels)
{
    return kernels == Kernels::Plain      ? dsa::KernelUse::None
           : kernels == Kernels::Portable ? dsa::KernelUse::Portable
                                          : dsa::KernelUse::All;
}

double hostMemory() { return statusField("VmRSS"); }

double deviceMemory(const at::Device &device)
{
    if (!device.is_cuda()) {
        return statusField("VmHWM");
    }
    const auto stats = at::getDeviceAllocator(at::kCUDA)->getDeviceStats(device.index());
    return static_cast<double>(
        stats.allocated_bytes[static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak);
}

bool isOutOfMemory(const std::exception &error)
{
    if (dynamic_cast<const c10::OutOfMemoryError *>(&error) || dynamic_cast<const std::bad_alloc *>(&error)) {
        return true;
    }
    const auto *library = dynamic_cast<const c10::Error *>(&error);
    return library && library->msg().find(kHostAllocator) != std::string::npos;
}

std::string memoryText(const std::exception &error)
{
    const auto *library = dynamic_cast<const c10::Error *>(&error);
    if (!library) {
        return "the memory of this computer is used up.";
    }
    std::string text = firstLine(library->what_without_backtrace());
    if (const std::size_t host = text.find(kHostAllocator); host != std::string::npos) {
        text = text.substr(host + std::string(kHostAllocator).size());
        const std::string asked = "you tried to allocate ";
        const std::size_t bytes = text.find(asked);
        return bytes == std::string::npos
                   ? text
                   : fmt::format("{:.2f} GB more were needed.",
                                 std::strtod(text.c_str() + bytes + asked.size(), nullptr) / 1e9);
    }
    // What follows is of use to those who set the allocator's options.
    text = text.substr(0, text.find(" Of the allocated memory"));
    const std::string start = "CUDA out of memory. ";
    return text.rfind(start, 0) == 0 ? text.substr(start.size()) : text;
}

std::string describe(const std::exception &error)
{
    if (isOutOfMemory(error)) {
        return fmt::format(
            "not enough {} memory: {} Use a smaller training.batch_size, training.sequence_length or model.",
            dynamic_cast<const c10::OutOfMemoryError *>(&error) ? "GPU" : "host", memoryText(error));
    }
    if (const auto *library = dynamic_cast<const c10::Error *>(&error)) {
        return firstLine(library->what_without_backtrace());
    }
    return error.what();
}

void releaseCachedMemory()
{
    if (at::globalContext().hasCUDA() && at::getDeviceAllocator(at::kCUDA)->initialized()) {
        at::getDeviceAllocator(at::kCUDA)->emptyCache();
    }
}

double memoryOf(const DeviceInfo &device)
{
    return device.memoryBytes > 0
               ? device.memoryBytes
               : static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

DeviceInfo describeDevice(const std::string &device)
{
    const at::Device resolved = resolveDevice(device);
    DeviceInfo info;
    info.name = resolved.str();
    info.isCuda = resolved.is_cuda();
    if (info.isCuda) {
        info.description = fmt::format("CUDA {}", resolved.index());
#ifdef SPARSESCOPE_TORCH_HAS_CUDA
        const cudaDeviceProp *properties = at::cuda::getDeviceProperties(resolved.index());
        info.memoryBytes = static_cast<double>(properties->totalGlobalMem);
        info.description += fmt::format(" · {} · {:.0f} GB", properties->name, info.memoryBytes / 1e9);
#endif
        return info;
    }
    info.description = "CPU";
    if (device == "auto") {
        std::string why;
        cudaUsable(why);
        info.note = why;
    }
    return info;
}

} // namespace sparsescope
