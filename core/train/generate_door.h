#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

/// Door: a stored checkpoint writes on. No torch in this header.
namespace sparsescope {

struct GeneratedToken {
    std::int32_t token = 0;
    std::string word;                                   ///< for display
    int position = 0;                                   ///< in the whole text
    double probability = 0;                             ///< that the model gave it, at temperature 1
    std::vector<std::pair<std::string, double>> likely; ///< likeliest first
    /// By layer, ascending: the keys of the query that made it, which is the token before it. Empty: every token before it.
    std::vector<std::vector<std::int32_t>> keys;
};

struct GenerateRequest {
    std::filesystem::path checkpoint; ///< folder with config.json and weights
    std::string text;                 ///< the prompt, read as textReader() says; or else
    std::vector<std::int32_t> tokens; ///< ids of the model's own vocabulary
    int count = 64;                   ///< new tokens at most; it ends before at the separator of documents
    double temperature = 0;           ///< 0: always the likeliest
    int among = 0;                    ///< draw among this many likeliest; 0: all
    std::uint64_t seed = 0;
    std::string dtype = "float32"; ///< float32, float64, bfloat16
    std::string device = "auto";
    bool cached = true;        ///< false: the whole text again for every token
    std::filesystem::path run; ///< run folder to make, which the window opens; may be empty
    std::function<void(const std::vector<std::string> &)>
        onPrompt; ///< once, its tokens as words, before the first new one
    /// After every token, on the calling thread. False: stop here; what has come stays.
    std::function<bool(const GeneratedToken &)> onToken;
};

struct GenerateSummary {
    std::string modelType, device;
    std::vector<std::int32_t> tokens; ///< the prompt and what has come
    int prompt = 0;                   ///< tokens of the prompt
    std::string text;                 ///< what has come; empty for typed ids
    bool ended = false;               ///< at the separator of documents
    double promptSeconds = 0;         ///< until the first token
    double tokensPerSecond = 0;       ///< of those after it; 0: there were none
    std::uint64_t cacheBytes = 0;
    std::vector<std::string> notices; ///< what ought to be known, a sentence each
};

/// Writes `run` as a run whose snapshots show the text so far (step = new tokens), about twice a second and at the end: the
/// row of a token there is what was selected when the token after it was made.
/// Throws ConfigFailure for a prompt that cannot be read, a count, temperature or folder that cannot be; Failure for damaged
/// weights.
GenerateSummary generateText(const GenerateRequest &request);

} // namespace sparsescope
