#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace sparsescope {

/// One candidate of a stored measurement.
struct MeasuredTiming {
    std::string name;    ///< "ours", "aten", "torch.topk", "torch.sdpa"; of a training step "captured", "eager"
    std::string backend; ///< what ran
    double microseconds = 0, lower = 0, upper = 0; ///< a call: median and quartiles
    std::optional<double> peakBytes;
    std::optional<double> bytes = {}, flops = {}; ///< of a candidate that does another work than its row

    double spread() const { return microseconds > 0 ? (upper - lower) / microseconds : 0; }
};

/// One operation, or training step, of one shape.
struct MeasuredRow {
    std::string op; ///< "topk_select", "attention core forward", "training step of sparse"
    std::int64_t batch = 1, queries = 1, keys = 1;
    std::optional<std::int64_t> k, heads, width;
    bool right = true;                  ///< its results equalled the reference, in the same process
    std::optional<double> largestError; ///< against the reference; absent where only `right` was kept, as the next
    std::optional<bool> deterministic;  ///< the same bits every time
    double bytes = 0, flops = 0;
    std::optional<double> floorMicroseconds;
    std::vector<MeasuredTiming> timings; ///< ours first
    std::string type, scores;            ///< of the inputs: "bfloat16"; "random", "plateau"; empty where it has none
    std::string family;                  ///< of a training step: "sparse"; its width is the vocabulary
    std::int64_t parameters = 0;         ///< of a training step

    /// Null: there is none of that name.
    const MeasuredTiming *timing(const std::string &name) const;
};

/// What `sparsescope-cli bench --out` wrote.
struct BenchDocument {
    std::filesystem::path file;
    std::string subject;                  ///< "topk", "attention", "step", ...
    std::string indexer, direction;       ///< of an attention core at length: "64x128", "forward"; else empty
    bool gpu = false;                     ///< measured on a card
    std::string machine;                  ///< "NVIDIA H100 80GB HBM3"
    std::optional<double> clockMhz;       ///< while multiplying
    std::optional<double> bytesPerSecond; ///< of a copy; measured there, as the next
    std::optional<double> flopsPerSecond; ///< of a bf16 product
    std::optional<double> e4m3PerSecond;  ///< FLOP/s of an e4m3 product, where the library has one
    int rounds = 0;
    std::string measured; ///< ISO 8601, UTC; empty where it does not say
    std::vector<MeasuredRow> rows;
};

/// Throws Failure naming the file, the place in it, what was found and what is allowed.
BenchDocument readBench(const std::filesystem::path &file);
/// What `file` holds, read before.
BenchDocument benchFromJson(const nlohmann::ordered_json &document, const std::filesystem::path &file);

/// Is this file one of those, as far as its beginning says? Of other JSON documents: false.
bool looksLikeBench(const std::filesystem::path &file);

} // namespace sparsescope
