#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sparsescope {

/// A stored checkpoint looks at a text: what every layer scored, selected and attended to.
struct LookRequest {
    std::filesystem::path checkpoint; ///< folder with config.json and weights
    std::string text;                 ///< read as textReader() says; or else
    std::vector<std::int32_t> tokens; ///< ids of the model's own vocabulary
    std::filesystem::path out;        ///< snapshot file to write (CONTRACTS.md 5); may be empty
    std::filesystem::path run;        ///< run folder to make, which the window opens; may be empty
    std::string dtype = "float32";    ///< float32, float64, bfloat16
    std::optional<int> layer;         ///< look at this one alone: it is all that is written, and none behind it runs
    /// After every block, on the calling thread; `done` of `all` blocks have run. False: give up, nothing is written.
    std::function<bool(int done, int all)> goOn;
};

/// Absent without a selection, and where every query has at most k visible keys.
struct LookedLayer {
    int layer = 0;
    std::optional<double> massKept, massKeptChance, recall, recallChance;
};

struct LookSummary {
    std::string modelType, selector;
    int tokens = 0;
    std::int64_t topK = 0;
    std::vector<LookedLayer> layers;
    bool givenUp = false;             ///< goOn() said so
    std::vector<std::string> notices; ///< what ought to be known, a sentence each, about the text
};

/// Runs the checkpoint on the text, one block in memory at a time, and writes the snapshot, alone or as the only one of a run
/// that has ended. Throws ConfigFailure as typedText() does, for a layer that is not there and where the folder of the run is
/// not empty, Failure for damaged weights.
LookSummary lookAtText(const LookRequest &request);

} // namespace sparsescope
