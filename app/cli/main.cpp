#include "app/cli/command.h"
#include "core/base/nearest_name.h"
#include "core/base/patient_threads.h"

#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <vector>

namespace {

using namespace sparsescope;

constexpr Command kCommands[] = {
    {"train", "Train an experiment", declareTrain},
    {"check", "Say whether what an experiment or a run computes may be believed", declareCheck},
    {"compare", "Put the sides of an experiment beside each other: differences, intervals, verdicts", declareCompare},
    {"counterfactual", "Let other selectors choose the keys of trained runs", declareCounterfactual},
    {"needle", "Measure how often trained runs find their needles, by length and depth", declareNeedle},
    {"forward", "Run a checkpoint over given tokens", declareForward},
    {"generate", "Let a checkpoint write on, token by token", declareGenerate},
    {"convert", "Write a checkpoint as a Hugging Face folder, or one as ours", declareConvert},
    {"inspect", "Say what a checkpoint holds, layer by layer", declareInspect},
    {"golden", "Write small models with what they compute, for other programs to test themselves against",
     declareGolden},
    {"report", "Write the tables and figures of an experiment again", declareReport},
    {"bench", "Time kernels against the library's operations, and training steps", declareBench},
    {"presets", "List the experiments that come with the program", declarePresets},
    {"metrics", "List what is measured: formula, unit and chance baseline", declareMetrics},
    {"schema", "Print the JSON Schema of an experiment", declareSchema},
    {"doctor", "Say what this machine has and what is missing", declareDoctor},
};

/// Empty for a command that there is.
Error unknownCommand(const std::string &word)
{
    std::vector<std::string> names;
    for (const Command &command : kCommands)
        names.push_back(command.name);
    if (std::find(names.begin(), names.end(), word) != names.end())
        return {};
    const std::string nearest = nearestName(word, names);
    return {"unknown command", "", "\"" + word.substr(0, 80) + "\"", listed(names),
            nearest.empty() ? "See sparsescope-cli --help." : "Did you mean " + nearest + "?"};
}

/// What a library threw: its own words without the way to them; of memory in ours.
Error errorOf(const std::exception &failure)
{
    std::string text = failure.what();
    for (const char *rest : {"\nException raised from", "\nframe #", " frame #"})
        text.resize(std::min(text.size(), text.find(rest)));
    const std::string asked = "you tried to allocate ";
    const std::size_t bytes = text.find(asked);
    if (bytes == std::string::npos && text.find("out of memory") == std::string::npos &&
        !dynamic_cast<const std::bad_alloc *>(&failure))
        return {text, "", "", "", ""};
    std::string found;
    if (bytes != std::string::npos)
        found = text.substr(bytes + asked.size(), text.find(" bytes", bytes) - bytes - asked.size()) +
                " bytes asked for at once";
    return {"not enough memory", "", found, "", "Give it fewer or shorter sequences, or a smaller batch."};
}

int run(const Action &action, Output &output)
{
    try {
        return action(output);
    } catch (const ConfigFailure &failure) {
        for (const Error &error : failure.errors())
            output.error(error);
        return exitCodeOf(failure);
    } catch (const Failure &failure) {
        output.error(failure.error());
        return exitCodeOf(failure);
    } catch (const std::exception &failure) {
        output.error(errorOf(failure));
        return exitCodeOf(failure);
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
    // The parser stopped half way when it fails: --json may not have been read.
    const auto wantsJson = [&] {
        return std::any_of(argv + 1, argv + argc, [](const char *word) { return std::string(word) == "--json"; });
    };
    if (argc > 1 && argv[1][0] != '-') {
        if (const Error error = unknownCommand(argv[1]); !error.what.empty()) {
            Output output(wantsJson(), quiet);
            output.error(error);
            output.finish(kBadUsage);
            return kBadUsage;
        }
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        if (error.get_exit_code() == 0) // --help, --version
            return app.exit(error);
        Output output(wantsJson(), quiet);
        output.error({error.what(), "", "", "", "See sparsescope-cli --help."});
        output.finish(kBadUsage);
        return kBadUsage;
    }
    Output output(json, quiet);
    const int code = run(chosen, output);
    output.finish(code);
    return code;
}
