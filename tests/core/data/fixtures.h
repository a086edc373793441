#pragma once

#include "core/data/data_source.h"

#include <string>

namespace sparsescope {

inline RunConfig runOf(const std::string &source, int length, int batchSize = 4, std::uint64_t seed = 0,
                       nlohmann::json options = nlohmann::json::object())
{
    RunConfig config;
    config.data.source = source;
    config.data.options = std::move(options);
    config.training.sequenceLength = length;
    config.training.batchSize = batchSize;
    config.training.seed = seed;
    return config;
}

/// The error of a Failure that `act` throws; an Error with what = "nothing was thrown" otherwise.
template <class Act>
Error failureOf(Act act)
{
    try {
        act();
    } catch (const Failure &failure) {
        return failure.error();
    }
    return {"nothing was thrown", "", "", "", ""};
}

inline Error failureOf(const RunConfig &config)
{
    return failureOf([&] { makeDataSource(config); });
}

inline bool same(const Batch &a, const Batch &b)
{
    bool equal = a.rows == b.rows && a.length == b.length && a.inputs == b.inputs && a.targets == b.targets &&
                 a.needed.size() == b.needed.size();
    for (std::size_t i = 0; equal && i < a.needed.size(); ++i) {
        equal = a.needed[i].row == b.needed[i].row && a.needed[i].query == b.needed[i].query &&
                a.needed[i].keys == b.needed[i].keys;
    }
    return equal;
}

} // namespace sparsescope
