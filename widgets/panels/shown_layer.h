#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/run_data.h"
#include "widgets/state/view_state.h"

#include <QString>

#include <cstdint>

/// Which snapshot, layer and map of a run the Inspect page shows, and how it says so: pure functions of the run and View.
namespace sparsescope {

std::int64_t shownStep(const RunData *run, const View &view);   ///< -1: no snapshot
std::int64_t stepBefore(const RunData *run, std::int64_t step); ///< -1: none
/// The view's layer and map, kept to those that the snapshot has. Without `previous` and `tag`.
MapRequest requestFor(std::shared_ptr<const Snapshot> snapshot, const View &view);
/// Of a text that is new to the page: the last query whose answer is known shows most; without one, the last query.
int firstQuery(const Snapshot &snapshot);
/// "Layer 3 · indexer score, all heads · query 123 “t” · key 83 “.”"
QString cursorText(const LayerPicture &picture, const View &view, const Hover &hover);

} // namespace sparsescope
