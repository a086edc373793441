#include "app/cli/bench_decode.h"

#include "app/cli/bench_report.h"
#include "core/base/exit_code.h"
#include "core/base/safetensors.h"

namespace sparsescope {

int benchDecode(const BenchLongOptions &options, std::int64_t requests, const dsa::benchmark::Machine &machine,
                const std::string &note, Output &output)
{
    output.data() = machineDocument("decode", machine, note, options.method);
    output.data()["indexer"] = options.indexer;
    output.data()["direction"] = "decode";
    output.data()["requests"] = requests;
    for (const std::string &line : machineLines(machine))
        output.line(line);
    bool right = true;
    for (const dsa::benchmark::LongShape &layer : longShapes(options)) {
        for (const dsa::benchmark::Row &row :
             dsa::benchmark::measureDecode({layer, requests}, machine, options.method)) {
            right = report(row, output) && right;
        }
        // A later length may not fit: what is there stays.
        if (!options.out.empty())
            writeFileAtomically(options.out, output.data().dump(2) + "\n");
    }
    return right ? kDone : kFailed;
}

} // namespace sparsescope
