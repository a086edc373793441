#include "core/base/config_reader.h"
#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace sparsescope {
namespace {

constexpr int kFewestPieces = 260; // 256 byte pieces and the control pieces
constexpr int kMostPieces = 65536;
constexpr std::int64_t kMostKeys = 131072;

/// Reports relations between fields; one that involves a value already refused is left out.
class Checker {
public:
    Checker(const ReadConfig &read, std::vector<Error> &errors)
        : m_read(read)
        , m_errors(errors)
    {}

    bool readable(std::initializer_list<const char *> paths) const
    {
        return std::none_of(paths.begin(), paths.end(),
                            [this](const char *path) { return m_read.bad.count(path) > 0; });
    }
    void require(bool holds, std::initializer_list<const char *> paths, const std::string &found,
                 const std::string &allowed, const std::string &remedy = {})
    {
        if (!holds && readable(paths))
            addOnce(m_errors, {"", *paths.begin(), found, allowed, remedy});
    }
    bool given(const char *path) const { return m_read.given.count(path) > 0; }

private:
    const ReadConfig &m_read;
    std::vector<Error> &m_errors;
};

std::string quoted(const std::string &text)
{
    return "\"" + (text.size() > 60 ? text.substr(0, 60) + "..." : text) + "\"";
}

bool isTokenizer(const std::string &name)
{
    constexpr const char *kTrain = "sentencepiece:";
    if (name == "bytes")
        return true;
    if (name.rfind(kTrain, 0) == 0) {
        const std::string pieces = name.substr(std::string(kTrain).size());
        if (pieces.empty() || pieces.size() > 6 ||
            !std::all_of(pieces.begin(), pieces.end(), [](unsigned char c) { return std::isdigit(c); }))
            return false;
        const int count = std::stoi(pieces);
        return count >= kFewestPieces && count <= kMostPieces;
    }
    const std::string ending = ".model";
    return name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

bool isName(const std::string &name)
{
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

void checkData(Checker &check, const DataConfig &data)
{
    const bool wantsText =
        data.source == "text" || (data.options.is_object() && data.options.value("filler", nlohmann::json()) == "text");
    check.require(data.source != "text" || !data.path.empty(), {"data.path", "data.source"}, "none",
                  "the path of a text file when data.source is text",
                  "Set data.path, or take data.source = stories, which needs no file.");
    check.require(data.path.empty() || wantsText, {"data.source", "data.path"},
                  quoted(data.source) + " beside data.path", "text",
                  "Set data.source to text, or leave out data.path.");
    check.require(!data.separator.empty(), {"data.separator"}, "\"\"", "at least one character");
    check.require(isTokenizer(data.tokenizer), {"data.tokenizer"}, quoted(data.tokenizer),
                  fmt::format("bytes, sentencepiece:N with N from {} to {}, or the path of a .model file",
                              kFewestPieces, kMostPieces));
    const bool isText = data.source == "text" || data.source == "stories";
    check.require(data.tokenizer == "bytes" || isText, {"data.tokenizer", "data.source"},
                  quoted(data.tokenizer) + " with data.source " + data.source,
                  "bytes: this source brings its own tokens");
}

void checkKinds(Checker &check, const ModelConfig &model)
{
    const bool latent = model.family == Family::Mhla || model.family == Family::MhlaSparse;
    check.require((model.attention == AttentionKind::Mla) == latent, {"model.attention.kind", "model.family"},
                  latent ? "mha" : "mla",
                  fmt::format("{} with family {}", latent ? "mla" : "mha", toString(model.family)),
                  "Leave it out: the family sets it.");
    if (isSparse(model.family))
        check.require(model.selection.kind != "none", {"model.selection.kind", "model.family"}, "none",
                      "lightning, oracle, random, recency, sink-window or untrained with family " +
                          toString(model.family),
                      latent ? "Take family mhla for dense attention." : "Take family classic for dense attention.");
    else
        check.require(model.selection.kind == "none", {"model.selection.kind", "model.family"}, model.selection.kind,
                      "none with family " + toString(model.family),
                      latent ? "Take family mhla_sparse." : "Take family sparse.");
}

void checkAttention(Checker &check, const ModelConfig &model)
{
    int rotary = model.mla.qkRopeHeadDim;
    const char *rotaryPath = "model.mla.qk_rope_head_dim";
    if (model.attention == AttentionKind::Mha) {
        rotaryPath = "model.rotary_fraction";
        const bool divides = model.dModel % model.nHeads == 0;
        check.require(divides || check.given("model.head_dim"), {"model.n_heads", "model.d_model", "model.head_dim"},
                      std::to_string(model.nHeads), fmt::format("a divisor of model.d_model = {}", model.dModel),
                      "Or give model.head_dim.");
        check.require(model.nKvHeads >= 1 && model.nHeads % model.nKvHeads == 0, {"model.n_kv_heads", "model.n_heads"},
                      std::to_string(model.nKvHeads), fmt::format("a divisor of model.n_heads = {}", model.nHeads));
        if (!divides && !check.given("model.head_dim"))
            return; // the head width is not known
        rotary = static_cast<int>(model.headDim * model.rotaryFraction);
        check.require(rotary >= 2 && rotary % 2 == 0, {rotaryPath, "model.head_dim", "model.n_heads", "model.d_model"},
                      fmt::format("{:g}, which rotates {} of {} dims", model.rotaryFraction, rotary, model.headDim),
                      "a share that gives an even number of at least 2");
    } else {
        check.require(rotary % 2 == 0, {rotaryPath}, std::to_string(rotary), "an even number");
    }
    if (!hasIndexer(model))
        return;
    check.require(model.indexer.headDim % 2 == 0, {"model.indexer.head_dim"}, std::to_string(model.indexer.headDim),
                  "an even number");
    check.require(rotary <= model.indexer.headDim,
                  {"model.indexer.head_dim", rotaryPath, "model.head_dim", "model.n_heads", "model.d_model"},
                  std::to_string(model.indexer.headDim),
                  fmt::format("at least the {} rotated dims of the attention", rotary));
}

void checkLayers(Checker &check, const ModelConfig &model)
{
    const std::string &pattern = model.sharePattern;
    if (!pattern.empty()) {
        check.require(pattern.find_first_not_of("FS") == std::string::npos && pattern[0] == 'F' &&
                          pattern.size() == static_cast<std::size_t>(model.nLayers),
                      {"model.share_pattern", "model.n_layers"}, quoted(pattern),
                      fmt::format("{} letters F or S, one a layer, the first F", model.nLayers));
    }
    const MoeConfig &moe = model.moe;
    check.require(moe.firstDense <= model.nLayers, {"model.moe.first_dense", "model.n_layers"},
                  std::to_string(moe.firstDense), fmt::format("0 to model.n_layers = {}", model.nLayers));
    if (moe.nExperts == 0)
        return;
    check.require(moe.expertsPerToken <= moe.nExperts, {"model.moe.experts_per_token", "model.moe.n_experts"},
                  std::to_string(moe.expertsPerToken), fmt::format("1 to model.moe.n_experts = {}", moe.nExperts));
    check.require(moe.nExperts % moe.nGroups == 0, {"model.moe.n_groups", "model.moe.n_experts"},
                  std::to_string(moe.nGroups), fmt::format("a divisor of model.moe.n_experts = {}", moe.nExperts));
    check.require(moe.topGroups <= moe.nGroups, {"model.moe.top_groups", "model.moe.n_groups"},
                  std::to_string(moe.topGroups), fmt::format("1 to model.moe.n_groups = {}", moe.nGroups));
    if (moe.nGroups > 1 && moe.nExperts % moe.nGroups == 0) {
        const int size = moe.nExperts / moe.nGroups;
        check.require(size >= 2, {"model.moe.n_groups", "model.moe.n_experts"}, std::to_string(moe.nGroups),
                      fmt::format("at most {}: a group needs two experts", moe.nExperts / 2));
        check.require(
            moe.expertsPerToken <= moe.topGroups * size || moe.topGroups > moe.nGroups ||
                moe.expertsPerToken > moe.nExperts,
            {"model.moe.experts_per_token", "model.moe.top_groups", "model.moe.n_groups", "model.moe.n_experts"},
            std::to_string(moe.expertsPerToken),
            fmt::format("at most {}, the experts of {} groups", moe.topGroups * size, moe.topGroups));
    }
}

void checkStages(Checker &check, const TrainingConfig &training)
{
    const bool custom = training.recipe == Recipe::Custom;
    check.require(!custom || !training.stages.empty(), {"training.stages", "training.recipe"},
                  check.given("training.stages") ? "[]" : "none", "at least one stage with recipe custom");
    const bool warmsUp = training.recipe == Recipe::Warmup || training.recipe == Recipe::FrozenWarmup;
    check.require(warmsUp || training.warmupObjective == WarmupObjective::Kl,
                  {"training.warmup_objective", "training.recipe"},
                  fmt::format("{} with recipe {}", toString(training.warmupObjective), toString(training.recipe)),
                  "kl where no stage trains the indexer alone", "Set training.recipe to warmup or frozen-warmup.");
    check.require(custom || training.stages.empty(), {"training.stages", "training.recipe"},
                  fmt::format("{} with recipe {}", training.stages.size(), toString(training.recipe)),
                  "stages with recipe custom only", "Set training.recipe = custom, or leave out the stages.");
    if (!custom)
        return;
    std::int64_t counted = 0;
    for (std::size_t i = 0; i < training.stages.size(); ++i) {
        const StageConfig &stage = training.stages[i];
        counted += countsOnAxis(stage) ? stage.steps : 0;
        const std::string path = fmt::format("training.stages[{}]", i), kl = path + ".kl";
        if (!check.readable({path.c_str()}))
            continue;
        check.require(stage.trains != StageTrains::Indexer || stage.kl != KlTarget::None, {kl.c_str()}, "none",
                      "visible, selected, entropy or diversity: the indexer learns from nothing else");
        check.require(stage.trains != StageTrains::Main || stage.kl == KlTarget::None, {kl.c_str()}, toString(stage.kl),
                      "none where only the main weights are trained");
        check.require(stage.kl != KlTarget::Selected || stage.attention == StageAttention::Sparse, {kl.c_str()},
                      "selected with dense attention", "visible with dense attention");
    }
    if (training.stages.empty())
        return;
    check.require(counted > 0, {"training.stages"}, "stages that train the indexer only",
                  "at least one stage that trains the main weights");
    check.require(counted == 0 || counted == training.steps, {"training.steps", "training.stages"},
                  std::to_string(training.steps),
                  fmt::format("{}, the steps of the stages that train the main weights", counted),
                  "Leave out training.steps.");
}

void checkTraining(Checker &check, const TrainingConfig &training)
{
    checkStages(check, training);
    check.require(training.warmupSteps <= training.steps, {"training.warmup_steps", "training.steps"},
                  std::to_string(training.warmupSteps), fmt::format("0 to training.steps = {}", training.steps));
}

} // namespace

void checkRun(const ReadConfig &read, std::vector<Error> &errors)
{
    Checker check(read, errors);
    const RunConfig &config = read.config;
    check.require(isName(config.experiment) || !check.given("name"), {"name"}, quoted(config.experiment),
                  "1 to 64 of a-z, 0-9 and -");
    checkData(check, config.data);
    checkKinds(check, config.model);
    checkAttention(check, config.model);
    checkLayers(check, config.model);
    check.require(config.topK() <= kMostKeys, {"model.selection.top_k", "training.sequence_length"},
                  std::to_string(config.topK()), fmt::format("1 to {}", kMostKeys));
    checkTraining(check, config.training);
    if (config.model.yarn) {
        check.require(config.model.yarn->betaFast > config.model.yarn->betaSlow,
                      {"model.yarn.beta_fast", "model.yarn.beta_slow", "model.yarn"},
                      fmt::format("{:g}", config.model.yarn->betaFast),
                      fmt::format("more than model.yarn.beta_slow = {:g}", config.model.yarn->betaSlow));
    }
}

} // namespace sparsescope
