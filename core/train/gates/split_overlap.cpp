#include "core/train/gates/gate.h"

#include <fmt/format.h>

namespace sparsescope {
namespace {

// EXPERIMENTS.md section 4. Sixteen subword tokens are about as rare as 64 bytes.
constexpr std::int64_t kBytes = 64, kSubwords = 16, kShortBytes = 16;
constexpr double kMostShare = 0.01;

} // namespace

std::optional<CheckResult> checkSplitOverlap(GateSubject &subject)
{
    const bool bytes = subject.data.bytesPerToken() == 1.0;
    const SplitOverlap overlap = subject.data.overlap(bytes ? kBytes : kSubwords);
    if (overlap.strings == 0) {
        return notRun(fmt::format("validation is shorter than {} tokens", overlap.length));
    }
    std::string measured =
        overlap.examples
            ? fmt::format("{} of {} validation examples among the first of training", overlap.found, overlap.strings)
            : fmt::format("{:.2f} % of the {}-{} strings of validation stand in training", 100 * overlap.share(),
                          overlap.length, bytes ? "byte" : "token");
    if (!overlap.examples && bytes) {
        measured += fmt::format(" ({:.1f} % of the {}-byte ones)", 100 * subject.data.overlap(kShortBytes).share(),
                                kShortBytes);
    }
    return judged(overlap.share(), kMostShare, std::move(measured));
}

} // namespace sparsescope
