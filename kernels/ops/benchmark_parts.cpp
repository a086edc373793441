#include "kernels/ops/benchmark_parts.h"

#include <algorithm>
#include <cmath>

namespace dsa::benchmark {

namespace {

constexpr int kFewestSets = 3, kMostSets = 64;

} // namespace

at::ScalarType typeOf(const std::string &name)
{
    return name == "float32" ? at::kFloat : name == "float16" ? at::kHalf : at::kBFloat16;
}

double pairsOf(const Shape &s)
{
    double pairs = 0;
    for (std::int64_t t = 0; t < s.queries; ++t) {
        pairs += static_cast<double>(std::clamp<std::int64_t>(t + 1 + s.keys - s.queries, 0, s.keys));
    }
    return pairs * static_cast<double>(s.batch);
}

double selectionBytes(const Shape &s)
{
    const auto words = [](std::int64_t n) { return static_cast<double>((n + 63) / 64); };
    const double batch = static_cast<double>(s.batch), queries = static_cast<double>(s.queries);
    return batch * (8 * queries * words(s.keys) + 8 * words(s.queries) * static_cast<double>(s.keys) + 4 * queries);
}

int setsFor(double bytesOfOne, const Machine &machine)
{
    return machine.isCuda
               ? std::clamp(static_cast<int>(2 * machine.cacheBytes / bytesOfOne) + 1, kFewestSets, kMostSets)
               : kFewestSets;
}

bool near(Check &check, const Tensor &found, const Tensor &expected, double limit)
{
    const double difference = found.to(at::kDouble).sub(expected).norm().item().toDouble(),
                 size = expected.norm().item().toDouble();
    const double error = difference == 0 ? 0 : difference / size;
    // A NaN stays the largest.
    if (!check.largestError || error > *check.largestError || std::isnan(error)) {
        check.largestError = error;
    }
    return error <= limit;
}

void repeat(Check &check, const std::function<std::vector<Tensor>()> &call)
{
    const std::vector<Tensor> once = call(), again = call();
    check.sameBits =
        std::equal(once.begin(), once.end(), again.begin(), again.end(), [](const Tensor &a, const Tensor &b) {
            return a.contiguous().view(at::kByte).equal(b.contiguous().view(at::kByte));
        });
}

void include(Check &whole, const Check &part)
{
    if (whole.wrong.empty()) {
        whole.wrong = part.wrong;
    }
    if (part.largestError && !(whole.largestError && *whole.largestError >= *part.largestError)) {
        whole.largestError = part.largestError;
    }
    if (part.sameBits) {
        whole.sameBits = whole.sameBits.value_or(true) && *part.sameBits;
    }
}

void finish(Row &row, const KernelReport &report, const Machine &machine)
{
    row.registers = report.registers;
    row.spilledBytes = report.spilledBytes;
    row.sharedBytes = report.sharedBytes;
    if (!machine.isCuda) {
        return;
    }
    const double byBytes = row.bytes / machine.bytesPerSecond * 1e6,
                 byFlops = row.flops / machine.flops(row.shape.type) * 1e6;
    row.floorMicroseconds = std::max(byBytes, byFlops);
    row.limit = byBytes >= byFlops ? "bytes" : "flops";
}

std::string backendName(const KernelReport &report) { return std::string(report.backend()) + ": " + report.why; }

void addPlain(std::vector<Candidate> &candidates, bool isCuda, std::function<void(int)> call)
{
    if (isCuda) {
        candidates.push_back({"aten", "plain tensor operations", std::move(call)});
    }
}

} // namespace dsa::benchmark
