#pragma once

#include "core/base/records.h"
#include "core/data/data_source.h"
#include "core/train/label_losses.h"

#include <array>
#include <optional>
#include <vector>

namespace sparsescope {

/// How a task with known answers is answered: token by token, and answer by answer (EXPERIMENTS.md 5 and 7).
/// An answer is right when every token of it is; its distance is that of its first token from the nearest key it needs.
class TaskScore {
public:
    static constexpr int kQuarters = 4;

    void add(const LabelLosses &losses, const Batch &batch);
    bool empty() const { return m_all.answers == 0; }
    double exact() const { return m_all.exact / m_all.answers; }
    /// Blind guessing, each token right with chance `token`: mean over answers of token^size.
    double exactChance(double token) const;
    /// val.exact, val.exact.chance (where `tokenChance` is known), val.accuracy.distance/0..3 and val.exact.distance/0..3
    /// (quarter of the window that the key lies back; those without an answer are absent).
    std::vector<Scalar> scalars(std::optional<double> tokenChance) const;

private:
    struct Sum {
        double tokens = 0, right = 0, answers = 0, exact = 0;
    };
    Sum m_all;
    std::array<Sum, kQuarters> m_byDistance;
    std::vector<double> m_sizes; ///< answers by number of tokens
};

} // namespace sparsescope
