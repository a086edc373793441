#include "widgets/plots/snapshot_context.h"

namespace sparsescope {

nlohmann::ordered_json snapshotContext(const QString &title, const Snapshot &snapshot)
{
    return {{"title", title.toStdString()}, {"run", snapshot.run},         {"step", snapshot.step},
            {"stage", snapshot.stage},      {"probe", snapshot.probeName}, {"selector", snapshot.selector},
            {"top_k", snapshot.topK}};
}

} // namespace sparsescope
