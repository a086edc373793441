#pragma once

#include "app/cli/output.h"
#include "core/base/exit_code.h"

#include <CLI/CLI.hpp>

#include <functional>

/// A command is one file and one line in main.cpp's table. `declare` adds the command's options to its parser and returns
/// what runs once they are read; it returns the exit code and may throw Failure, ConfigFailure or std::exception.
namespace sparsescope {

using Action = std::function<int(Output &)>;

struct Command {
    const char *name;
    const char *help;
    Action (*declare)(CLI::App &command);
};

Action declareTrain(CLI::App &command);
Action declareCheck(CLI::App &command);
Action declareCompare(CLI::App &command);
Action declareCounterfactual(CLI::App &command);
Action declareMetrics(CLI::App &command);
Action declareForward(CLI::App &command);
Action declareGenerate(CLI::App &command);
Action declareConvert(CLI::App &command);
Action declareInspect(CLI::App &command);
Action declareGolden(CLI::App &command);
Action declareNeedle(CLI::App &command);
Action declareReport(CLI::App &command);
Action declarePresets(CLI::App &command);
Action declareSchema(CLI::App &command);
Action declareDoctor(CLI::App &command);
Action declareBench(CLI::App &command);

} // namespace sparsescope
