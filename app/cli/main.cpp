#include "app/cli/command.h"
#include "core/base/patient_threads.h"

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace sparsescope;

constexpr Command kCommands[] = {
    {"train", "Train an experiment", declareTrain},
    {"forward", "Run a checkpoint over given tokens", declareForward},
    {"report", "Write the tables and figures of an experiment again", declareReport},
    {"bench", "Time kernels against the library's operations, and training steps", declareBench},
    {"presets", "List the experiments that come with the program", declarePresets},
    {"schema", "Print the JSON Schema of an experiment", declareSchema},
    {"doctor", "Say what this machine has and what is missing", declareDoctor},
};

int run(const Action &action, Output &output)
{
    try {
        return action(output);
    } catch (const ConfigFailure &failure) {
        for (const Error &error : failure.errors())
            output.error(error);
        return kBadUsage;
    } catch (const Failure &failure) {
        output.error(failure.error());
        return kFailed;
    } catch (const std::exception &failure) {
        output.error({failure.what(), "", "", "", ""});
        return kFailed;
    }
}

} // namespace

int main(int argc, char **argv)
{
    usePatientThreads(argv);
    CLI::App app("Train and inspect models with DeepSeek Sparse Attention", "sparsescope-cli");
    app.set_version_flag("--version", "sparsescope " SPARSESCOPE_VERSION);
    app.require_subcommand(1);
    bool json = false, quiet = false;
    Action chosen;
    for (const Command &command : kCommands) {
        CLI::App *parser = app.add_subcommand(command.name, command.help);
        parser->add_flag("--json", json, "One JSON document on standard output, nothing else there");
        parser->add_flag("--quiet", quiet, "No progress and no remarks");
        const Action action = command.declare(*parser);
        parser->callback([&chosen, action] { chosen = action; });
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) // --help, --version
            return app.exit(error);
        // The parser stopped half way: --json may not have been read.
        Output output(
            std::any_of(argv + 1, argv + argc, [](const char *word) { return std::string(word) == "--json"; }), quiet);
        output.error({error.what(), "", "", "", "See sparsescope-cli --help."});
        output.finish(kBadUsage);
        return kBadUsage;
    }
    Output output(json, quiet);
    const int code = run(chosen, output);
    output.finish(code);
    return code;
}
