#pragma once

#include "core/base/config.h"
#include "core/base/needle_table.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

/// Door: how often a trained model finds its needles in haystacks of other lengths. No torch in this header.
namespace sparsescope {

struct NeedleOptions {
    std::string device = "auto";
    std::filesystem::path checkpoint;   ///< of the run; its weights answer
    std::vector<std::int64_t> lengths;  ///< windows, questions included; empty: needleLengths of the run's own
    std::vector<std::string> keys;      ///< keys a query, expressions in L; empty: as trained. A dense run has none
    std::vector<std::string> positions; ///< "plain", "yarn"; empty: both where a length is beyond the trained one
    int depths = 10;                    ///< parts of a haystack
    int examples = 100;                 ///< haystacks of each length and setting
    std::int64_t chunk = 0;             ///< queries that go through the layers together; 0: by length and device
    /// Before each haystack or two: what is asked and how much is done, 0 to 1.
    std::function<void(const std::string &what, double done)> onProgress;
    std::function<bool()> cancelled; ///< asked after every chunk of queries
};

/// From the trained length on, doubling, to 131,072.
std::vector<std::int64_t> needleLengths(std::int64_t trained);
/// The two words that NeedleOptions::positions may hold.
const std::vector<std::string> &needlePositions();

/// Asks a trained run of the needle task at every length, number of keys and way of going on beyond the trained positions; the
/// same haystacks for each, and for every run of the same data.options. "yarn" stretches the rotation by length / trained
/// length (Peng et al., arXiv 2309.00071) without further training, "plain" leaves it as it was trained. Memory grows with
/// the length: queries go through the layers in chunks (core/model/last_logits.h). A setting for which memory does not
/// suffice is a row with its problem, and longer ones of that setting are not tried. `step` is the caller's to fill in.
/// Where `cancelled` says so, the rows that were done come back. Throws ConfigFailure for lengths, keys, depths or a task that
/// cannot be, Failure where the checkpoint cannot be read.
NeedleTable measureNeedles(const RunConfig &config, const NeedleOptions &options);

} // namespace sparsescope
