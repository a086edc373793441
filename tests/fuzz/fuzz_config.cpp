#include "core/base/config.h"
#include "core/base/cost_model.h"
#include "core/base/json_reader.h"

#include <cmath>
#include <cstdint>
#include <string>

using namespace sparsescope;

/// Any bytes as an experiment: refused in words, or taken; then its runs survive their own text and have a price.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    try {
        const ExperimentConfig experiment =
            parseExperiment(parseJson({reinterpret_cast<const char *>(data), size}, "fuzz.json"), "fuzz.json");
        for (const RunConfig &run : expand(experiment)) {
            if (toJson(runConfigFromJson(toJson(run), "run.json")) != toJson(run) || run.topK() < 1)
                __builtin_trap();
            const int vocabulary = expectedVocabulary(run);
            if (!(runSeconds(run, vocabulary, typicalSpeed(false)) > 0) || !(trainingMemory(run, vocabulary, 4) > 0))
                __builtin_trap();
        }
    } catch (const Failure &) {
    } catch (const ConfigFailure &) {
    }
    return 0;
}
