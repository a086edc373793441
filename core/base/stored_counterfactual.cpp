#include "core/base/stored_counterfactual.h"

#include "core/base/run_store.h"
#include "core/base/safetensors.h"

namespace sparsescope {

void storeCounterfactual(const std::filesystem::path &runFolder, const Counterfactual &table)
{
    const std::unique_ptr<RunWriter> writer = RunWriter::open(runFolder);
    writer->value(kCounterfactualKey, toJson(table).dump());
    writer->flush();
    writeFileAtomically(runFolder / kCounterfactualFile, counterfactualCsv({table}));
    writeFileAtomically(runFolder / kCounterfactualWindowsFile, counterfactualWindowsCsv(table));
}

} // namespace sparsescope
