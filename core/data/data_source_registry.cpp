#include "core/base/nearest_name.h"
#include "core/data/data_source_kinds.h"

#include <fmt/format.h>

namespace sparsescope {

const std::vector<DataSourceKind> &dataSourceKinds()
{
    static const std::vector<DataSourceKind> kinds = {textKind(), needleKind(), noiseKind()};
    return kinds;
}

std::unique_ptr<DataSource> makeDataSource(const RunConfig &config)
{
    std::vector<std::string> names;
    for (const DataSourceKind &kind : dataSourceKinds()) {
        if (kind.name == config.data.source) {
            return kind.make(config);
        }
        names.push_back(kind.name);
    }
    const std::string nearest = nearestName(config.data.source, names);
    throw Failure({"unknown data source", "data.source", config.data.source, listed(names),
                   nearest.empty() ? "" : fmt::format("The nearest known source is \"{}\".", nearest)});
}

} // namespace sparsescope
