#include "core/model/parameters.h"

#include "core/base/error.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>

namespace sparsescope {

namespace {

/// FNV-1a of the name, stirred with the seed (SplitMix64's finaliser), so that neighbouring seeds share nothing.
std::uint64_t generatorSeed(std::uint64_t seed, const std::string &name)
{
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const unsigned char c : name) {
        hash = (hash ^ c) * 0x100000001b3ULL;
    }
    std::uint64_t z = hash + (seed + 1) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

void replaceData(at::Tensor &tensor, const at::Tensor &data)
{
    if (!data.is_same(tensor)) {
        tensor.set_data(data);
    }
}

/// A tensor of this shape that takes the memory of one number.
at::Tensor hollow(at::IntArrayRef shape, at::ScalarType type)
{
    return at::zeros({}, at::TensorOptions().dtype(type)).expand(shape).detach();
}

} // namespace

at::Tensor Parameters::add(const std::string &name, std::vector<std::int64_t> shape, Initialisation initialisation,
                           bool trainable, bool keepFloat32)
{
    if (find(name)) {
        throw Failure({"two parameters of one name", name, "", "", ""});
    }
    at::Tensor tensor = m_reserve ? at::zeros(shape, at::TensorOptions().dtype(at::kFloat)) : hollow(shape, at::kFloat);
    tensor.set_requires_grad(trainable);
    m_entries.push_back({name, tensor, initialisation, trainable, keepFloat32});
    return tensor;
}

const Parameters::Entry *Parameters::find(const std::string &name) const
{
    const auto it = std::find_if(m_entries.begin(), m_entries.end(), [&](const Entry &e) { return e.name == name; });
    return it == m_entries.end() ? nullptr : &*it;
}

void Parameters::set(const Entry &entry, const at::Tensor &numbers)
{
    at::Tensor handle = entry.tensor; // another handle of the same parameter
    replaceData(handle, numbers);
}

void Parameters::release(const Entry &entry)
{
    at::Tensor handle = entry.tensor;
    handle.set_data(hollow(handle.sizes(), handle.scalar_type()));
}

void Parameters::initialise(std::uint64_t seed)
{
    const c10::NoGradGuard noGrad;
    for (Entry &entry : m_entries) {
        switch (entry.initialisation.kind) {
        case Initialisation::Kind::Zero:
            entry.tensor.zero_();
            break;
        case Initialisation::Kind::One:
            entry.tensor.fill_(1.0);
            break;
        case Initialisation::Kind::Normal: {
            // Drawn in fp32 on the CPU whatever the store's device and type, so that every run of a seed starts equal.
            at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(generatorSeed(seed, entry.name));
            at::Tensor values = at::zeros(entry.tensor.sizes(), at::TensorOptions().dtype(at::kFloat));
            values.normal_(0.0, entry.initialisation.std, generator);
            entry.tensor.copy_(values);
            break;
        }
        }
    }
}

void Parameters::moveTo(const at::Device &device)
{
    const c10::NoGradGuard noGrad;
    for (Entry &entry : m_entries) {
        replaceData(entry.tensor, entry.tensor.detach().to(device));
    }
}

void Parameters::convertTo(at::ScalarType type)
{
    const c10::NoGradGuard noGrad;
    for (Entry &entry : m_entries) {
        const bool keep = entry.keepFloat32 && type != at::kDouble;
        replaceData(entry.tensor, entry.tensor.detach().to(keep ? at::kFloat : type));
    }
}

std::int64_t Parameters::count() const
{
    std::int64_t numbers = 0;
    for (const Entry &entry : m_entries) {
        numbers += entry.trainable ? entry.tensor.numel() : 0;
    }
    return numbers;
}

} // namespace sparsescope
