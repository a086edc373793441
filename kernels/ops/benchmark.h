#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Door to the measurements of `sparsescope-cli bench`. No torch in this header.
/// Method: each shape is checked against the reference on sampled rows (attention: on one batch entry) first; then ours and the
/// baselines take turns (A B B A) in one process, on a card as graphs of several launches over input sets larger than twice its
/// L2; median and quartiles. Floors come from what this card copies and multiplies in the same process.
namespace dsa::benchmark {

struct Shape {
    std::int64_t batch = 1, queries = 1, keys = 1, k = 1;
    std::int64_t heads = 4,
                 width = 64; ///< of the indexer, or of the attention; the subject topk has none; the indexer of the
                             ///< subjects loss and layer has 4 heads of 64
    std::string type = "bfloat16"; ///< of q, k and v: float32, bfloat16, float16; of the indexer float8_e4m3 too
    std::string scores = "random"; ///< what topk selects from: random, or plateau (half of them exactly 0)
};

/// Where it was measured.
struct Machine {
    std::string device, name; ///< "cuda:0", "NVIDIA H100 80GB HBM3"; "cpu", "CPU"
    bool isCuda = false;
    int multiprocessors = 0;
    double memoryBytes = 0, cacheBytes = 0;
    double clockMhz = 0, highestClockMhz = 0, memoryClockMhz = 0; ///< while multiplying; 0 when the driver does not say
    double bytesPerSecond = 0;                                    ///< of a copy, read and written bytes together
    double flopsLow = 0, flopsFloat = 0;                          ///< of a bf16 and an fp32 matrix product (no TF32)
    double flopsE4m3 = 0;                                         ///< of an e4m3 one; 0 where the library has none
    double flops(const std::string &type) const
    {
        return type == "float32" ? flopsFloat : type == "float8_e4m3" && flopsE4m3 > 0 ? flopsE4m3 : flopsLow;
    }
};
/// Times copy and products; nothing on the CPU.
Machine describeMachine(const std::string &device);

struct Timing {
    std::string name;                              ///< "ours", "aten", "torch.topk", "torch.sdpa"
    std::string backend;                           ///< what ran
    double microseconds = 0, lower = 0, upper = 0; ///< a call: median and quartiles
    double peakBytes = 0;                          ///< allocated during a call beyond its inputs; 0 on the CPU
    int launches = 0, samples = 0;                 ///< calls a graph, timed graphs
    double bytes = 0, flops = 0;                   ///< of a candidate that does another work than its row; else 0
};

/// What a comparison with the reference found, before anything was timed.
struct Check {
    std::string wrong = {}; ///< empty when the sampled rows equal the reference
    std::optional<double> largestError =
        {}; ///< ||difference|| / ||reference||, the largest of all results; a selection has none
    std::optional<bool> sameBits = {}; ///< whether the same call gave the same bits again
};

struct Row {
    std::string
        op; ///< topk_select, index_scores, index_select, masked_attention, masked_attention backward, index_kl with its gradients,
    ///< attention core with KL, transformer block with KL
    Shape shape;
    Check check = {};
    std::vector<Timing> timings = {}; ///< ours first
    double bytes = 0, flops = 0;      ///< that any implementation must move and do (causal pairs only)
    double floorMicroseconds = 0;     ///< the larger of both on this machine; 0 on the CPU
    std::string limit = {};           ///< "bytes" or "flops"
    int registers = 0;
    std::int64_t spilledBytes = 0, sharedBytes = 0;
};

struct Options {
    int rounds = 7; ///< A B B A: two samples each
    int launches = 20;
};

/// One attention layer's core over one causal sequence: an indexer, its selection, and absorbed attention (576 wide, 512 of
/// them values) over the selected rows; against the library's dense attention of as many heads, 192 wide with 128 values.
struct LongShape {
    std::int64_t context = 1, k = 2048, heads = 128;
    std::int64_t indexerHeads = 64, indexerWidth = 128;
    bool quantized = false; ///< the indexer scores in e4m3, the quantization of its inputs included
    bool training =
        false; ///< forward and backward of the attention; the selection has no gradient, and no loss of the indexer runs
};

/// One layer's core for one new token of each request, over paged caches in e4m3 that hold `layer.context` tokens a request.
struct DecodeShape {
    LongShape layer; ///< its direction is of no matter
    std::int64_t requests = 64;
};

/// Subjects: "topk", "indexer", "attention", "loss", "layer".
std::vector<Shape> usualShapes(const std::string &subject, bool isCuda);
/// Every operation of the subject for the shape.
std::vector<Row> measure(const std::string &subject, const Shape &shape, const Machine &machine,
                         const Options &options);

/// The parts, then the whole ("attention core"), all timed in the same passes over the sequence; queries go in chunks, so that no
/// array of all scores exists. Not in graphs: every launch is long. `machine.isCuda` false: the CPU path, of ours alone.
std::vector<Row> measureLong(const LongShape &shape, const Machine &machine, const Options &options);

/// The parts, each timed by itself, and then the whole ("attention core decode"), in graphs; against dense attention of the
/// library over a latent cache in bf16.
std::vector<Row> measureDecode(const DecodeShape &shape, const Machine &machine, const Options &options);

} // namespace dsa::benchmark
