#include "core/experiment/claims/claim_case.h"
#include "core/experiment/claims/claim_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope::rules {
namespace {

constexpr std::int64_t kStudyVocabulary = 49152;
constexpr std::int64_t k128K = 131072;

/// A sparse training step and the dense one beside it.
struct StepPair {
    const BenchDocument *bench;
    const MeasuredRow *dense, *sparse;
    const MeasuredTiming *denseTiming, *sparseTiming;

    double ratio() const { return sparseTiming->microseconds / denseTiming->microseconds; }
    /// From quartile to quartile.
    double lowRatio() const { return sparseTiming->lower / denseTiming->upper; }
    double highRatio() const { return sparseTiming->upper / denseTiming->lower; }
    std::optional<double> memoryRatio() const
    {
        if (!sparseTiming->peakBytes || !denseTiming->peakBytes)
            return std::nullopt;
        return *sparseTiming->peakBytes / *denseTiming->peakBytes;
    }
    std::int64_t vocabulary() const { return dense->width.value_or(0); }
    std::string place() const
    {
        return fmt::format("L {}, k {}, {} token kinds", dense->keys, sparse->k.value_or(0), vocabulary());
    }
};

/// Of the families of multi-head attention, each as one CUDA graph; by file, vocabulary and length.
std::vector<StepPair> stepPairs(const FoundResults &found)
{
    std::vector<StepPair> pairs;
    for (const BenchDocument &bench : found.benches) {
        for (const MeasuredRow &dense : bench.rows) {
            for (const MeasuredRow &sparse : bench.rows) {
                if (dense.family != "classic" || sparse.family != "sparse" || dense.keys != sparse.keys ||
                    dense.width != sparse.width || dense.batch != sparse.batch)
                    continue;
                const MeasuredTiming *a = dense.timing("captured"), *b = sparse.timing("captured");
                if (a && b)
                    pairs.push_back({&bench, &dense, &sparse, a, b});
            }
        }
    }
    return pairs;
}

const char *kNoSteps = "there is no benchmark of training steps on a card";

Support withinSupport(double low, double high, double from, double to)
{
    return low >= from && high <= to ? Support::For : high < from || low > to ? Support::Against : Support::Unclear;
}

/// How the time of an operation grows with n at equal queries in all: time ~ n^exponent for a whole sequence of n.
struct Growth {
    const BenchDocument *bench;
    const MeasuredRow *small, *large;
    double exponent, low, high; ///< low and high from quartile to quartile
};

std::vector<Growth> growthOf(const FoundResults &found, const std::string &op)
{
    std::vector<Growth> all;
    for (const BenchDocument &bench : found.benches) {
        for (const MeasuredRow &small : bench.rows) {
            for (const MeasuredRow &large : bench.rows) {
                const bool alike =
                    small.op == op && large.op == op && small.heads == large.heads && small.width == large.width &&
                    small.type == large.type && small.scores == large.scores && small.queries == small.keys &&
                    large.queries == large.keys && small.batch * small.queries == large.batch * large.queries &&
                    (small.k == large.k || small.k.value_or(0) * large.keys == large.k.value_or(0) * small.keys);
                const MeasuredTiming *a = small.timing("ours"), *b = large.timing("ours");
                // Short sequences are spent on starting the kernel.
                if (!alike || small.keys < 1024 || small.keys >= large.keys || !a || !b)
                    continue;
                const double doublings = std::log(static_cast<double>(large.keys) / static_cast<double>(small.keys));
                const auto exponent = [&](double before, double after) {
                    return 1 + std::log(after / before) / doublings;
                };
                all.push_back({&bench, &small, &large, exponent(a->microseconds, b->microseconds),
                               exponent(a->upper, b->lower), exponent(a->lower, b->upper)});
            }
        }
    }
    return all;
}

std::string growthText(const Growth &growth)
{
    const std::string k = growth.small->k == growth.large->k
                              ? std::to_string(growth.small->k.value_or(0))
                              : fmt::format("{} to {}", growth.small->k.value_or(0), growth.large->k.value_or(0));
    return fmt::format("{}, {} to {} keys, k {}: n^{:.2f} [{:.2f}, {:.2f}]", growth.small->op, growth.small->keys,
                       growth.large->keys, k, growth.exponent, growth.low, growth.high);
}

} // namespace

ClaimFinding sameTimePerStep(const FoundResults &found)
{
    constexpr double kSame = 0.05;
    ClaimCase claim(found);
    for (const StepPair &pair : stepPairs(found)) {
        if (pair.vocabulary() != kStudyVocabulary || pair.dense->keys > 256)
            continue;
        claim.made(*pair.bench, *pair.dense);
        claim.made(*pair.bench, *pair.sparse);
        claim.add(withinSupport(pair.lowRatio(), pair.highRatio(), 1 - kSame, 1 + kSame),
                  fmt::format("DSA {:.2f} ms, Classic {:.2f} ms a step: factor {:.2f} [{:.2f}, {:.2f}], {}",
                              pair.sparseTiming->microseconds / 1000, pair.denseTiming->microseconds / 1000,
                              pair.ratio(), pair.lowRatio(), pair.highRatio(), pair.place()),
                  pair.bench->file.string());
    }
    if (claim.empty())
        claim.missing(kNoSteps);
    return claim.finish();
}

ClaimFinding parametersAdded(const FoundResults &found)
{
    ClaimCase claim(found);
    for (const StepPair &pair : stepPairs(found)) {
        if (pair.dense->keys != 256)
            continue;
        const std::int64_t added = pair.sparse->parameters - pair.dense->parameters;
        const double share = static_cast<double>(added) / static_cast<double>(pair.dense->parameters);
        claim.made(*pair.bench, *pair.dense);
        claim.made(*pair.bench, *pair.sparse);
        claim.kind("arithmetic");
        const bool study = pair.vocabulary() == kStudyVocabulary;
        claim.add(!study                             ? Support::Remark
                  : std::abs(share - 0.013) < 0.0005 ? Support::For
                                                     : Support::Against,
                  fmt::format("the indexers add {} parameters, {:.1f} %, with {} token kinds", added, 100 * share,
                              pair.vocabulary()),
                  pair.bench->file.string());
    }
    if (claim.empty())
        claim.missing(kNoSteps);
    return claim.finish();
}

ClaimFinding fasterAndSmaller(const FoundResults &found)
{
    constexpr double kFaster = 1.4, kSaved = 0.2;
    ClaimCase claim(found);
    std::vector<StepPair> pairs = stepPairs(found);
    if (pairs.empty()) {
        claim.missing(kNoSteps);
        return claim.finish();
    }
    for (const StepPair &pair : pairs) {
        claim.made(*pair.bench, *pair.dense);
        claim.made(*pair.bench, *pair.sparse);
    }
    const auto sources = [](const StepPair &a, const StepPair &b) {
        std::vector<std::string> files{a.bench->file.string()};
        if (b.bench != a.bench)
            files.push_back(b.bench->file.string());
        return files;
    };
    const auto byRatio = [](const StepPair &a, const StepPair &b) { return a.ratio() < b.ratio(); };
    const auto [fast, slow] = std::minmax_element(pairs.begin(), pairs.end(), byRatio);
    claim.add(1 / slow->highRatio() >= kFaster ? Support::For
              : 1 / fast->lowRatio() < kFaster ? Support::Against
                                               : Support::Unclear,
              fmt::format("speed of a DSA step over a Classic one: {:.2f} ({}) to {:.2f} ({}), {} shapes",
                          1 / slow->ratio(), slow->place(), 1 / fast->ratio(), fast->place(), pairs.size()),
              sources(*slow, *fast));

    std::erase_if(pairs, [](const StepPair &pair) { return !pair.memoryRatio(); });
    const auto byMemory = [](const StepPair &a, const StepPair &b) { return *a.memoryRatio() < *b.memoryRatio(); };
    const auto [least, most] = std::minmax_element(pairs.begin(), pairs.end(), byMemory);
    if (least == pairs.end()) {
        claim.missing("the benchmarks counted no memory");
        return claim.finish();
    }
    claim.add(*most->memoryRatio() <= 1 - kSaved   ? Support::For
              : *least->memoryRatio() > 1 - kSaved ? Support::Against
                                                   : Support::Unclear,
              fmt::format("peak memory of a DSA step over a Classic one: {:.2f} ({}) to {:.2f} ({})",
                          *least->memoryRatio(), least->place(), *most->memoryRatio(), most->place()),
              sources(*least, *most));
    return claim.finish();
}

ClaimFinding speedAtLongContext(const FoundResults &found)
{
    constexpr std::pair<std::int64_t, double> kClaimed[] = {{32768, 2.5}, {65536, 5.1}, {131072, 10.3}};
    ClaimCase claim(found);
    std::int64_t longest = 0;
    for (const auto &[length, factor] : kClaimed) {
        bool measured = false;
        for (const BenchDocument &bench : found.benches) {
            for (const MeasuredRow &row : bench.rows) {
                const MeasuredTiming *ours = row.timing("ours"), *dense = row.timing("torch.sdpa");
                if (row.op.find("attention") == std::string::npos || row.queries != row.keys || !ours || !dense)
                    continue;
                longest = std::max(longest, row.keys);
                if (row.keys != length || row.op.find("backward") != std::string::npos)
                    continue;
                measured = true;
                claim.made(bench, row);
                // Attention alone lacks the selection before it: too small a factor is against the claim whatever that costs,
                // a large one says nothing yet.
                const bool whole = row.op.starts_with("attention core");
                const double low = dense->lower / ours->upper, high = dense->upper / ours->lower;
                const Support support = high < factor            ? Support::Against
                                        : whole && low >= factor ? Support::For
                                                                 : Support::Unclear;
                claim.add(support,
                          fmt::format("{} k {} keys{}: {:.2f} times as fast as dense [{:.2f}, {:.2f}], L {}",
                                      whole ? row.op + ", selection of" : "attention over", row.k.value_or(0),
                                      whole ? " included" : " alone, without selecting them",
                                      dense->microseconds / ours->microseconds, low, high, length),
                          bench.file.string());
            }
        }
        if (!measured)
            claim.missing(fmt::format("there is no benchmark of attention at {} tokens", length));
    }
    if (longest > 0 && longest < kClaimed[0].first)
        claim.add(Support::Remark,
                  fmt::format("the longest sequence whose attention was timed has {} tokens", longest));
    return claim.finish();
}

namespace {

/// From the longest shorter step of the same model and k to a step at 128K: the exponent of n with which the memory grows.
void growthOfMemory(ClaimCase &claim, const StepPair &longest, const std::vector<StepPair> &all)
{
    constexpr double kLinear = 1.1;
    const StepPair *shorter = nullptr;
    for (const StepPair &pair : all) {
        const bool same = pair.sparse->k == longest.sparse->k && pair.sparse->batch == longest.sparse->batch &&
                          pair.sparse->parameters == longest.sparse->parameters && pair.sparseTiming->peakBytes;
        if (same && pair.sparse->keys < longest.sparse->keys && (!shorter || pair.sparse->keys > shorter->sparse->keys))
            shorter = &pair;
    }
    if (!shorter)
        return claim.add(Support::Unclear,
                         fmt::format("no step with k {} that is shorter than {} tokens is there to see growth",
                                     longest.sparse->k.value_or(0), longest.sparse->keys),
                         longest.bench->file.string());
    const double few = *shorter->sparseTiming->peakBytes, many = *longest.sparseTiming->peakBytes,
                 exponent = std::log(many / few) / std::log(static_cast<double>(longest.sparse->keys) /
                                                            static_cast<double>(shorter->sparse->keys));
    claim.add(exponent <= kLinear ? Support::For : Support::Against,
              fmt::format("from L {} to {} at k {} the peak memory of a DSA step grows from {:.2f} to {:.2f} GB, with "
                          "an exponent of {:.2f}",
                          shorter->sparse->keys, longest.sparse->keys, longest.sparse->k.value_or(0), few / 1e9,
                          many / 1e9, exponent),
              longest.bench->file.string());
}

} // namespace

ClaimFinding memoryAt128K(const FoundResults &found)
{
    constexpr double kConsumerBytes = 24e9;
    ClaimCase claim(found);
    bool measured = false;
    std::vector<std::string> sizes;
    const std::vector<StepPair> pairs = stepPairs(found);
    for (const StepPair &pair : pairs) {
        if (!pair.sparseTiming->peakBytes || !pair.denseTiming->peakBytes)
            continue;
        claim.made(*pair.bench, *pair.sparse);
        if (pair.sparse->keys >= k128K) {
            measured = true;
            growthOfMemory(claim, pair, pairs);
            claim.add(*pair.sparseTiming->peakBytes <= kConsumerBytes ? Support::For : Support::Against,
                      fmt::format("peak memory of a DSA step {:.1f} GB, {}", *pair.sparseTiming->peakBytes / 1e9,
                                  pair.place()),
                      pair.bench->file.string());
        } else if (pair.sparse->k && *pair.sparse->k * 4 == pair.sparse->keys) {
            sizes.push_back(fmt::format("{} x {}: {:.2f} and {:.2f} GB", pair.sparse->batch, pair.sparse->keys,
                                        *pair.sparseTiming->peakBytes / 1e9, *pair.denseTiming->peakBytes / 1e9));
        }
    }
    if (!measured)
        claim.missing(fmt::format("there is no benchmark of a training step at {} tokens", k128K));
    if (!sizes.empty())
        claim.add(Support::Remark,
                  fmt::format("peak memory of a step, DSA with k L/4 and Classic, sequences x tokens: {}",
                              fmt::join(sizes, "; ")));
    return claim.finish();
}

ClaimFinding selectionIsLinear(const FoundResults &found)
{
    constexpr double kBetween = 1.5; // n log k grows like n^1.1 here
    ClaimCase claim(found);
    for (const char *op : {"index_select", "topk_select"}) {
        for (const Growth &growth : growthOf(found, op)) {
            claim.made(*growth.bench, *growth.large);
            claim.add(growth.high <= kBetween ? Support::For
                      : growth.low > kBetween ? Support::Against
                                              : Support::Unclear,
                      growthText(growth), growth.bench->file.string());
        }
    }
    for (const Growth &growth : growthOf(found, "index_scores"))
        claim.add(Support::Remark, growthText(growth), growth.bench->file.string());
    if (claim.empty())
        claim.missing("there is no benchmark of the selection at two lengths");
    return claim.finish();
}

ClaimFinding kvCacheOfMla(const FoundResults &found)
{
    ClaimCase claim(found);
    const ExperimentResults *from = claim.experiment("four-families");
    for (const char *family : {"mhla", "mhla_sparse"}) {
        const auto runs = from ? claim.runs(*from, family, 128) : std::vector<const ResultRun *>();
        const std::vector<double> bytes = valuesOf(runs, "kv_cache_bytes"), mha = valuesOf(runs, "kv_cache_mha_bytes");
        if (bytes.empty() || mha.empty())
            continue;
        const double factor = mha.front() / bytes.front();
        claim.kind("arithmetic");
        claim.add(factor >= 10 && factor <= 16 ? Support::For : Support::Against,
                  fmt::format("{}: {:.0f} instead of {:.0f} bytes a token, {:.1f} times less", familyWord(family),
                              bytes.front(), mha.front(), factor),
                  sourceOf(*from));
    }
    if (from && claim.empty())
        claim.missing("its runs did not count their KV cache");
    return claim.finish();
}

} // namespace sparsescope::rules
