#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sparsescope {

/// How a parameter starts. Normal: mean 0, std given; the constants fill.
struct Initialisation {
    enum class Kind { Normal, Zero, One } kind = Kind::Normal;
    double std = 0.02;
};

/// The named weights of a model, in creation order. Layers keep the at::Tensor handles they create here; moving the store to
/// a device or type changes them in place. Plain tensors with requires_grad instead of torch::nn modules: those cost every
/// including file twenty seconds.
class Parameters {
public:
    /// `reserve` false: parameters have their shapes but no memory (one number stands for all) until set() gives them numbers;
    /// for what a model of some options looks like, and for one whose layers come and go.
    explicit Parameters(bool reserve = true)
        : m_reserve(reserve)
    {}

    struct Entry {
        std::string name; ///< published checkpoint name
        at::Tensor tensor;
        Initialisation initialisation;
        bool trainable = true;    ///< false: a buffer (router bias)
        bool keepFloat32 = false; ///< stays fp32 when the model is bf16 (gate.weight, e_score_correction_bias)
    };

    /// Makes an fp32 CPU tensor of the shape; the name must be new.
    at::Tensor add(const std::string &name, std::vector<std::int64_t> shape, Initialisation initialisation,
                   bool trainable = true, bool keepFloat32 = false);
    const std::vector<Entry> &entries() const { return m_entries; }
    const Entry *find(const std::string &name) const;
    /// Gives a parameter these numbers (no copy); every handle of it sees them.
    static void set(const Entry &entry, const at::Tensor &numbers);
    /// Takes the numbers of a parameter away again: shape and type stay.
    static void release(const Entry &entry);
    /// Fills every entry; the generator of a parameter depends on (seed, name) only.
    void initialise(std::uint64_t seed);
    void moveTo(const at::Device &device);
    void convertTo(at::ScalarType type);
    std::int64_t count() const; ///< trainable numbers

private:
    bool m_reserve;
    std::vector<Entry> m_entries;
};

} // namespace sparsescope
