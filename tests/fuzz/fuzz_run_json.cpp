#include "core/base/config.h"
#include "core/base/json_reader.h"

#include <cstdint>
#include <string>

using namespace sparsescope;

/// Any bytes as the run.json of a run folder, which nothing checked before: refused in words, or taken, and then it says the
/// same again and names a folder that lies below its experiment.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    try {
        const RunConfig run =
            runConfigFromJson(parseJson({reinterpret_cast<const char *>(data), size}, "run.json"), "run.json");
        if (toJson(runConfigFromJson(toJson(run), "run.json")) != toJson(run))
            __builtin_trap();
        const std::string folder = run.folder();
        if (folder.empty() || folder.front() == '/' || folder.find("..") != std::string::npos)
            __builtin_trap();
    } catch (const Failure &) {
    } catch (const ConfigFailure &) {
    }
    return 0;
}
