#include "core/experiment/goals/kernel_goals.h"

#include <fmt/format.h>

#include <tuple>

namespace sparsescope {
namespace {

using Measure = KernelGoal::Measure;

constexpr std::int64_t kStudyVocabulary = 49152, kBytes = 257, kRowKeys = 2048;

struct SmallShape {
    std::int64_t batch, keys, k, heads, width;
};

GoalRow attention(const char *op, const SmallShape &shape)
{
    return {op, shape.batch, shape.keys, shape.k, shape.heads, shape.width};
}

/// One kernel at the three shapes of small models, with its predicted microseconds stage by stage.
void addSmall(std::vector<KernelGoal> &goals, const char *what, const char *op, const SmallShape (&shapes)[3],
              const char *const (&expected)[3])
{
    for (int i = 0; i < 3; ++i)
        goals.push_back(
            {"Small models", what, attention(op, shapes[i]), Measure::Microseconds, {}, "", {}, {}, expected[i]});
}

void addSmallModels(std::vector<KernelGoal> &goals)
{
    const SmallShape attentions[3] = {{8, 2048, 1024, 8, 64}, {16, 256, 128, 8, 64}, {4, 2048, 1024, 16, 128}};
    const GoalRow forward = attention("masked_attention", attentions[0]),
                  backward = attention("masked_attention backward", attentions[0]);
    goals.push_back({"Small models", "Masked attention over cuDNN dense, forward", forward, Measure::TimesOther, 1.15,
                     "torch.sdpa"});
    goals.push_back({"Small models", "Masked attention over cuDNN dense, forward and backward", forward,
                     Measure::TimesOther, 1.25, "torch.sdpa", backward});
    const char *const core = "attention core with KL", *const block = "transformer block with KL";
    goals.push_back({"Small models",
                     "Transformer block with KL over the dense block",
                     attention(block, attentions[0]),
                     Measure::TimesOther,
                     1.25,
                     "torch.sdpa",
                     {},
                     {},
                     "1.7, 1.3, 1.2"});
    goals.push_back({"Small models", "Core with indexer and KL, peak memory of a layer", attention(core, attentions[0]),
                     Measure::PeakMebibytes, 120});
    const char *const overCudnn[] = {"3.0, 1.9, 1.6", "-, 1.5, 1.2", "-, 1.8, 1.5"}, *const overFlash[] = {
                                                                                         "1.9, 1.2, 1.0", "-, 1.1, 0.9",
                                                                                         "-, 1.0, 0.8"};
    for (int i = 0; i < 3; ++i) {
        for (const auto &[what, other, expected] :
             {std::tuple("Core with indexer and KL over cuDNN dense, forward and backward", "torch.sdpa", overCudnn[i]),
              std::tuple("The same over flash", "torch.flash", overFlash[i])})
            goals.push_back({"Small models",
                             what,
                             attention(core, attentions[i]),
                             Measure::TimesOther,
                             {},
                             other,
                             {},
                             {},
                             expected});
    }
    addSmall(goals, "Masked attention, forward", "masked_attention", attentions,
             {"165, 123, 108", "12.5, 9.8, 9", "290, 175, 150"});
    addSmall(goals, "Masked attention, backward", "masked_attention backward", attentions,
             {"620, 420, 370", "55, 37, 34", "1250, 720, 600"});
    addSmall(goals, "Loss of the indexer with its gradients", "index_kl with its gradients", attentions,
             {"260, 140, 100", "-, 14, 10", "-, 150, 110"});
    goals.push_back({"Small models",
                     "Scores and selection, 4 x 64",
                     attention("index_select", {8, 2048, 1024, 4, 64}),
                     Measure::Microseconds,
                     {},
                     "",
                     {},
                     {},
                     "170, 70, 50"});
    goals.push_back({"Small models",
                     "Scores and selection, 4 x 64",
                     attention("index_select", {16, 256, 128, 4, 64}),
                     Measure::Microseconds,
                     {},
                     "",
                     {},
                     {},
                     "-, 9, 7"});
    goals.push_back({"Small models",
                     "Exact selection over torch.topk, 16,384 rows of 2,048",
                     {"topk_select", 8, 2048, 1024, {}, {}, "", "random"},
                     Measure::OverOther,
                     8,
                     "torch.topk"});
}

void addSteps(std::vector<KernelGoal> &goals)
{
    const auto step = [](const char *family, std::int64_t length, std::int64_t vocabulary, std::int64_t k) {
        GoalRow row{std::string("training step of ") + family, 16, length, {}, {}, vocabulary};
        if (k > 0)
            row.k = k;
        return row;
    };
    const char *part = "Training steps: 4 layers of 256, batch 16, as one graph";
    goals.push_back({part, "DSA with KL, vocabulary of the study", step("sparse", 256, kStudyVocabulary, 128),
                     Measure::Milliseconds, 5});
    goals.push_back({part, "DSA with KL, vocabulary of the study", step("sparse", 1024, kStudyVocabulary, 512),
                     Measure::Milliseconds, 12});
    for (const std::int64_t vocabulary : {kStudyVocabulary, kBytes}) {
        for (const std::int64_t length : {64, 128, 256, 1024})
            goals.push_back({part,
                             "DSA over Classic",
                             step("sparse", length, vocabulary, length / 2),
                             Measure::TimesOfOtherRow,
                             1.35,
                             "",
                             {},
                             step("classic", length, vocabulary, 0)});
    }
    for (const std::int64_t vocabulary : {kStudyVocabulary, kBytes}) {
        for (const std::int64_t length : {64, 128, 256, 1024})
            goals.push_back({part, "DSA captured over eager", step("sparse", length, vocabulary, length / 2),
                             Measure::TimesOther, 0.5, "eager"});
    }
}

void addLongContexts(std::vector<KernelGoal> &goals)
{
    struct Length {
        std::int64_t keys;
        double gatheredForward, backward, forward, forwardFew, training, trainingFew;
    };
    const char *part = "Long contexts: one layer, k 2,048, 128 heads";
    for (const Length &at : {Length{32768, 690, 500, 2.1, 2.7, 2.0, 2.3}, Length{65536, 690, 500, 3.5, 5.3, 3.8, 4.5},
                             Length{131072, 690, 350, 5.5, 10.3, 5.8, 7.0}}) {
        const auto row = [&](const char *op, const char *indexer) {
            GoalRow found{op, 1, at.keys, kRowKeys};
            found.indexer = indexer;
            const std::string_view name(op);
            found.direction = name.ends_with("backward") || name.ends_with("training") ? "training" : "forward";
            return found;
        };
        goals.push_back({part,
                         "Selection over one read at copy speed",
                         row("topk_select", "4x64"),
                         Measure::ShareOfFloor,
                         0.75,
                         "",
                         {},
                         {},
                         "0.40, 0.60, 0.78"});
        goals.push_back({part, "Scores of 64 x 128 in bf16", row("index_scores", "64x128"), Measure::TeraFlops, 650});
        goals.push_back({part, "Scores of 64 x 128 in e4m3", row("index_scores_quantized", "64x128-e4m3"),
                         Measure::TeraFlops, 1250});
        goals.push_back({part,
                         "Gathered attention, forward",
                         row("gathered_attention", "4x64"),
                         Measure::TeraFlops,
                         at.gatheredForward,
                         "",
                         {},
                         {},
                         "360, 600, 690"});
        goals.push_back({part,
                         "Gathered attention, backward",
                         row("gathered_attention backward", "4x64"),
                         Measure::TeraFlops,
                         at.backward,
                         "",
                         {},
                         {},
                         at.keys == 32768    ? "230, 390, 500"
                         : at.keys == 131072 ? "150, 300, 350"
                                             : ""});
        goals.push_back({part, "Core forward, times as fast as cuDNN dense, 64 x 128 scored in e4m3",
                         row("attention core forward", "64x128-e4m3"), Measure::OverOther, at.forward, "torch.sdpa"});
        goals.push_back({part, "Core forward, times as fast as cuDNN dense, 4 x 64",
                         row("attention core forward", "4x64"), Measure::OverOther, at.forwardFew, "torch.sdpa"});
        goals.push_back({part, "Core training, times as fast as cuDNN dense, 64 x 128, without KL (the goal has it)",
                         row("attention core training", "64x128"), Measure::OverOther, at.training, "torch.sdpa"});
        goals.push_back({part, "Core training, times as fast as cuDNN dense, 4 x 64, without KL (the goal has it)",
                         row("attention core training", "4x64"), Measure::OverOther, at.trainingFew, "torch.sdpa"});
    }
}

void addDecoding(std::vector<KernelGoal> &goals)
{
    const char *part = "Decoding: 64 requests of 131,072 tokens";
    const auto row = [](const char *op) {
        GoalRow found{op, 64, 131072, kRowKeys};
        found.indexer = "64x128";
        return found;
    };
    goals.push_back({part,
                     "Scores over the keys' bytes",
                     row("decode_scores"),
                     Measure::ShareOfFloor,
                     0.85,
                     "",
                     {},
                     {},
                     "0.50, 0.70, 0.85"});
    goals.push_back({part,
                     "Attention over its floor",
                     row("gathered_decode"),
                     Measure::ShareOfFloor,
                     0.80,
                     "",
                     {},
                     {},
                     "0.45, 0.65, 0.80"});
    goals.push_back({part, "All of a token over its floor", row("attention core decode"), Measure::ShareOfFloor, 0.80});
}

} // namespace

bool GoalRow::fits(const BenchDocument &bench, const MeasuredRow &row) const
{
    const auto same = [](const std::optional<std::int64_t> &wanted, const std::optional<std::int64_t> &found) {
        return !wanted || wanted == found;
    };
    return row.op == op && same(batch, row.batch) && same(keys, row.keys) && same(k, row.k) && same(heads, row.heads) &&
           same(width, row.width) && (indexer.empty() || indexer == bench.indexer) &&
           (direction.empty() || direction == bench.direction) && (scores.empty() || scores == row.scores) &&
           row.type != "float32";
}

const std::vector<KernelGoal> &kernelGoals()
{
    static const std::vector<KernelGoal> all = [] {
        std::vector<KernelGoal> goals;
        addSmallModels(goals);
        addSteps(goals);
        addLongContexts(goals);
        addDecoding(goals);
        return goals;
    }();
    return all;
}

} // namespace sparsescope
