#include "core/base/error.h"
#include "core/base/maps.h"
#include "core/base/selection_metrics.h"
#include "core/base/snapshot.h"
#include "tests/fuzz/memory_file.h"

using namespace sparsescope;

/// Any bytes as a snapshot file: refused in words, or taken, and then everything that the Inspect page asks of it can be had.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const fuzz::MemoryFile file(data, size);
    try {
        const Snapshot snapshot = readSnapshot(file.path());
        const int length = snapshot.length();
        for (std::size_t i = 0; i < snapshot.layers.size(); ++i) {
            const LayerSnapshot &layer = snapshot.layers[i];
            const Map dense = denseAttentionMap(layer, length, snapshot.scale, -1),
                      scores = indexScoreMap(layer, length);
            attentionMap(layer, length, snapshot.scale, layer.heads - 1);
            maskMap(layer, dense, snapshot.topK);
            distanceProfile(layer, dense, snapshot.topK);
            selectionMetrics(snapshot, i, dense, scores);
            churn(snapshot, snapshot, i);
            queryRow(layer, length, snapshot.scale, snapshot.topK, length - 1);
        }
    } catch (const Failure &) {
    }
    return 0;
}
