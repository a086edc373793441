#include "core/base/config.h"

#include "core/base/config_words.h"

#include <fmt/format.h>

#include <cctype>

namespace sparsescope {
namespace {

constexpr double kDenseShare = 0.7; // of the main-model steps, recipes warmup and joint (CONTRACTS.md 2)

const char *const kDenseTraining = "Dense training";
const char *const kIndexerWarmup = "Indexer warm-up";
const char *const kSparseTraining = "Sparse training";

/// Only letters that every file system takes; "L/8" becomes "L-8".
std::string folderWord(const std::string &text)
{
    std::string word;
    for (const char c : text)
        word += std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-' ? c : '-';
    if (word.size() > 64)
        word.resize(64);
    return word;
}

std::string extraFolders(const RunConfig &config)
{
    std::string folders;
    for (const auto &[name, value] : config.extraAxes)
        folders += "/" + folderWord(name) + "_" + folderWord(value);
    return folders;
}

} // namespace

std::string toString(Family family) { return wordOf(family); }

std::string displayName(Family family)
{
    constexpr const char *kShown[] = {"Classic", "DSA", "MHLA", "MHLA+DSA"};
    return kShown[static_cast<int>(family)];
}

bool hasIndexer(const ModelConfig &model)
{
    return model.selection.kind == "lightning" || model.selection.kind == "untrained";
}

bool isSparse(Family family) { return family == Family::Sparse || family == Family::MhlaSparse; }

std::string toString(StageAttention attention) { return wordOf(attention); }

std::string toString(StageTrains trains) { return wordOf(trains); }

std::string toString(KlTarget target) { return wordOf(target); }

bool comparesWithAttention(KlTarget target) { return target == KlTarget::Visible || target == KlTarget::Selected; }

std::string toString(WarmupObjective objective) { return wordOf(objective); }

std::string toString(Recipe recipe) { return wordOf(recipe); }

std::string RunConfig::folder() const
{
    return fmt::format("seq_{}/{}/seed_{}", training.sequenceLength, toString(model.family), training.seed) +
           extraFolders(*this);
}

std::string RunConfig::lockstepGroup() const
{
    return fmt::format("seq_{}/seed_{}", training.sequenceLength, training.seed) + extraFolders(*this);
}

std::vector<StageConfig> stagesOf(const RunConfig &config)
{
    const TrainingConfig &training = config.training;
    std::vector<StageConfig> stages;
    const auto add = [&stages](const char *name, std::int64_t steps, StageAttention attention, StageTrains trains,
                               KlTarget kl) {
        if (steps > 0)
            stages.push_back({name, steps, attention, trains, kl, {}});
    };
    if (!isSparse(config.model.family)) {
        add(kDenseTraining, training.steps, StageAttention::Dense, StageTrains::Main, KlTarget::None);
        return stages;
    }
    // Only the lightning indexer learns; other selectors follow the same plan without it.
    const bool learns = config.model.selection.kind == "lightning";
    const StageTrains all = learns ? StageTrains::All : StageTrains::Main;
    const KlTarget visible = learns ? KlTarget::Visible : KlTarget::None;
    const KlTarget selected = learns ? KlTarget::Selected : KlTarget::None;
    const std::int64_t dense = static_cast<std::int64_t>(kDenseShare * static_cast<double>(training.steps));
    const std::int64_t sparse = training.steps - dense;
    const auto addWarmup = [&] {
        const WarmupObjective by = training.warmupObjective;
        const KlTarget target = by == WarmupObjective::Entropy     ? KlTarget::Entropy
                                : by == WarmupObjective::Diversity ? KlTarget::Diversity
                                                                   : KlTarget::Visible;
        if (learns && by != WarmupObjective::None)
            add(kIndexerWarmup, training.warmupIndexerSteps, StageAttention::Dense, StageTrains::Indexer, target);
    };
    switch (training.recipe) {
    case Recipe::Scratch:
        add(kSparseTraining, training.steps, StageAttention::Sparse, all, selected);
        break;
    case Recipe::Warmup:
        add(kDenseTraining, dense, StageAttention::Dense, StageTrains::Main, KlTarget::None);
        addWarmup();
        add(kSparseTraining, sparse, StageAttention::Sparse, all, selected);
        break;
    case Recipe::Joint:
        add(kDenseTraining, dense, StageAttention::Dense, all, visible);
        add(kSparseTraining, sparse, StageAttention::Sparse, all, selected);
        break;
    case Recipe::FrozenWarmup:
        addWarmup();
        add(kSparseTraining, training.steps, StageAttention::Sparse, all, selected);
        break;
    case Recipe::Custom:
        for (StageConfig stage : training.stages) {
            if (!learns && stage.trains == StageTrains::Indexer)
                continue;
            if (!learns) {
                stage.kl = KlTarget::None;
                stage.trains = StageTrains::Main;
            }
            stages.push_back(std::move(stage));
        }
        break;
    }
    return stages;
}

} // namespace sparsescope
