#include "core/train/fingerprint.h"

#include "core/data/random_stream.h"
#include "core/train/planted_fault.h"
#include "core/train/soundness.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

namespace sparsescope {
namespace {

/// Every bit of a tensor, in the order of its rows.
std::uint64_t hashOf(const at::Tensor &tensor)
{
    const at::Tensor values = tensor.detach().cpu().contiguous();
    const auto *bytes = static_cast<const unsigned char *>(values.const_data_ptr());
    const std::size_t size = values.nbytes();
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes + i, std::min(sizeof(word), size - i));
        hash = mixKey(hash, word);
    }
    return hash;
}

} // namespace

RunFingerprint fingerprintOf(const Parameters &atStart, const DataSource &data)
{
    RunFingerprint fingerprint;
    fingerprint.data = fmt::format("{:016x}", dataOrderHash(data));
    for (const Parameters::Entry &entry : atStart.entries()) {
        const auto sizes = entry.tensor.sizes();
        fingerprint.weights[entry.name] =
            fmt::format("{}:{:016x}", fmt::join(sizes.begin(), sizes.end(), "x"), hashOf(entry.tensor));
    }
    fingerprint.parameters = atStart.count();
    return fingerprint;
}

std::vector<CheckResult> checkFairness(const std::vector<RunConfig> &runs, const std::string &plant)
{
    std::vector<StartedRun> started;
    for (const RunConfig &run : runs) {
        const std::unique_ptr<DataSource> data = makeDataSource(run);
        Transformer model(modelOptions(run, data->vocabulary()));
        model.parameters().initialise(run.training.seed);
        started.push_back({run, fingerprintOf(model.parameters(), *data)});
    }
    plantBetween(plant, started);
    return compareFairness(started);
}

} // namespace sparsescope
