#include "core/experiment/report.h"
#include "app/cli/command.h"
#include "app/cli/result_table.h"

#include <memory>

namespace sparsescope {

Action declareReport(CLI::App &command)
{
    const auto folder = std::make_shared<std::string>();
    command.add_option("folder", *folder, "Folder of an experiment, such as runs/demo")->required()->type_name("DIR");
    return [folder](Output &output) {
        asked([&] { return experimentRuns(*folder); });
        return writeResults(*folder, output) ? kDone : kFailed;
    };
}

} // namespace sparsescope
