#include "app/cli/command.h"
#include "core/base/config.h"

namespace sparsescope {

Action declareSchema(CLI::App &)
{
    return [](Output &output) {
        output.data()["schema"] = configSchema();
        output.line(configSchema().dump(2));
        return kDone;
    };
}

} // namespace sparsescope
