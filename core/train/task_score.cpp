#include "core/train/task_score.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

namespace sparsescope {

void TaskScore::add(const LabelLosses &losses, const Batch &batch)
{
    struct Answer {
        int first = -1, distance = 0, tokens = 0, right = 0;
    };
    std::map<std::pair<int, int>, Answer> answers; // row and number
    for (const NeededKeys &needed : batch.needed) {
        const std::size_t place = losses.place(needed.row, needed.query);
        if (!losses.labelled(place) || needed.keys.empty()) {
            continue;
        }
        Answer &answer = answers[{needed.row, needed.answer}];
        if (answer.first < 0 || needed.query < answer.first) {
            answer.first = needed.query;
            answer.distance = needed.query - *std::max_element(needed.keys.begin(), needed.keys.end());
        }
        ++answer.tokens;
        answer.right += losses.right[place];
    }
    for (const auto &[where, answer] : answers) {
        const std::int64_t quarter = kQuarters * static_cast<std::int64_t>(answer.distance) / losses.length;
        const auto size = static_cast<std::size_t>(answer.tokens);
        if (m_sizes.size() <= size) {
            m_sizes.resize(size + 1, 0);
        }
        ++m_sizes[size];
        for (Sum *sum : {&m_all, &m_byDistance[static_cast<std::size_t>(quarter)]}) {
            sum->tokens += answer.tokens;
            sum->right += answer.right;
            sum->answers += 1;
            sum->exact += answer.right == answer.tokens ? 1 : 0;
        }
    }
}

double TaskScore::exactChance(double token) const
{
    double total = 0;
    for (std::size_t size = 1; size < m_sizes.size(); ++size) {
        total += m_sizes[size] * std::pow(token, static_cast<double>(size));
    }
    return total / m_all.answers;
}

std::vector<Scalar> TaskScore::scalars(std::optional<double> tokenChance) const
{
    std::vector<Scalar> result;
    if (empty()) {
        return result;
    }
    result.push_back({"val.exact", exact()});
    if (tokenChance) {
        result.push_back({"val.exact.chance", exactChance(*tokenChance)});
    }
    for (int quarter = 0; quarter < kQuarters; ++quarter) {
        const Sum &sum = m_byDistance[static_cast<std::size_t>(quarter)];
        if (sum.answers > 0) {
            result.push_back({"val.accuracy.distance/" + std::to_string(quarter), sum.right / sum.tokens});
            result.push_back({"val.exact.distance/" + std::to_string(quarter), sum.exact / sum.answers});
        }
    }
    return result;
}

} // namespace sparsescope
