#include "app/cli/command.h"
#include "core/base/checkpoint_folder.h"
#include "core/base/stop_signals.h"
#include "core/train/generate_door.h"

#include <fmt/format.h>

#include <csignal>
#include <memory>

namespace sparsescope {

namespace {

using nlohmann::ordered_json;

volatile std::sig_atomic_t stopAsked = 0;

/// "5 of 31, 5 of 31": keys attended to of those before it, layer by layer.
std::string keysText(const GeneratedToken &token)
{
    std::string text;
    for (const std::vector<std::int32_t> &keys : token.keys) {
        text += fmt::format("{}{}", text.empty() ? "" : ", ",
                            keys.empty() ? "all" : fmt::format("{} of {}", keys.size(), token.position));
    }
    return text;
}

ordered_json toJson(const GeneratedToken &token)
{
    ordered_json one = {{"token", token.token},
                        {"word", token.word},
                        {"position", token.position},
                        {"probability", token.probability},
                        {"likely", ordered_json::array()},
                        {"keys", ordered_json::array()}};
    for (const auto &[word, share] : token.likely)
        one["likely"].push_back({{"word", word}, {"probability", share}});
    for (const std::vector<std::int32_t> &keys : token.keys)
        one["keys"].push_back(keys.empty() ? ordered_json() : ordered_json(keys));
    return one;
}

int generate(GenerateRequest &request, Output &output)
{
    request.checkpoint = checkpointFolder(request.checkpoint);
    output.data()["new"] = ordered_json::array();
    onStopSignals([](int) { stopAsked = 1; });
    request.onToken = [&](const GeneratedToken &token) {
        if (!output.quiet() && output.data()["new"].empty())
            output.line(fmt::format("{:>8}  {:<12} {:>11}  {}", "position", "token", "probability", "keys by layer"));
        output.data()["new"].push_back(toJson(token));
        if (!output.quiet())
            output.line(fmt::format("{:>8}  {:<12} {:>11.4f}  {}", token.position, token.word, token.probability,
                                    keysText(token)));
        return stopAsked == 0;
    };
    const GenerateSummary summary = generateText(request);
    onStopSignals(SIG_DFL);
    output.data()["model_type"] = summary.modelType;
    output.data()["device"] = summary.device;
    output.data()["tokens"] = summary.tokens;
    output.data()["prompt"] = summary.prompt;
    output.data()["text"] = summary.text;
    output.data()["ended"] = summary.ended;
    output.data()["seconds_of_prompt"] = summary.promptSeconds;
    output.data()["tokens_per_second"] = summary.tokensPerSecond;
    output.data()["cache_bytes"] = summary.cacheBytes;
    if (!summary.text.empty())
        output.line(summary.text);
    output.notices(summary.notices);
    output.note(fmt::format("{} tokens of the prompt in {:.3g} s, then {:.4g} tokens/s on {}; {} bytes of keys kept{}",
                            summary.prompt, summary.promptSeconds, summary.tokensPerSecond, summary.device,
                            summary.cacheBytes, summary.ended ? "; the text ended" : ""));
    if (!request.run.empty()) {
        output.data()["run"] = request.run.string();
        output.note(fmt::format("run -> {}", request.run.string()));
    }
    return kDone;
}

} // namespace

Action declareGenerate(CLI::App &command)
{
    const auto request = std::make_shared<GenerateRequest>();
    command.add_option("checkpoint", request->checkpoint, "Folder with config.json and weights, or a run")
        ->required()
        ->type_name("CHECKPOINT");
    CLI::Option *text =
        command.add_option("--text", request->text, "What to go on from, read by its tokenizer.model or as bytes");
    command.add_option("--tokens", request->tokens, "The same as token ids: 5,17,3")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->excludes(text);
    command.add_option("--count", request->count, "New tokens at most")->capture_default_str();
    command.add_option("--temperature", request->temperature, "0: always the likeliest token")->capture_default_str();
    command.add_option("--among", request->among, "Draw among this many likeliest tokens; 0: all")
        ->capture_default_str();
    command
        .add_option("--seed", request->seed, "Of the draws")
        // Read as an unsigned number, -1 would be a very large one.
        ->check([](const std::string &text) {
            return text.find('-') == std::string::npos ? std::string() : "got " + text + ", allowed 0 or more";
        })
        ->capture_default_str();
    command.add_flag("!--no-cache", request->cached, "Compute the whole text again for every token: the same, slower");
    command.add_option("--run", request->run, "Run folder to make: the text so far, as the window opens it")
        ->type_name("DIR");
    command.add_option("--dtype", request->dtype, "Type of weights and arithmetic")
        ->check(CLI::IsMember({"float32", "float64", "bfloat16"}))
        ->capture_default_str();
    command.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
    return [request](Output &output) { return generate(*request, output); };
}

} // namespace sparsescope
