#pragma once

#include "core/base/config.h"
#include "core/base/config_words.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

/// The one description of every configuration field. `describe` hands each field with its member to a visitor, in the
/// order in which a document is written; reading, writing, schema, form, help and messages are visitors.
///
/// A visitor offers
///   operator()(const FieldInfo &, T &member)                     T: integers, double, bool, std::string, the enums of
///                                                                config.h, LengthExpression, std::optional<T>,
///                                                                nlohmann::json, std::vector<StageConfig>
///   expression(const FieldInfo &, Int &member, std::int64_t sequenceLength)   a whole number, or an expression in L
///   group(const FieldInfo &, std::optional<Group> &, inner)      inner(group) describes the fields of a group that may be null
namespace sparsescope {

namespace field {

inline FieldInfo make(FieldInfo::Kind kind, const char *path, const char *label, const char *help)
{
    FieldInfo info;
    info.kind = kind;
    info.path = path;
    info.label = label;
    info.help = help;
    return info;
}

inline FieldInfo ranged(FieldInfo::Kind kind, const char *path, const char *label, double low, double high,
                        const char *help)
{
    FieldInfo info = make(kind, path, label, help);
    info.low = low;
    info.high = high;
    return info;
}

inline FieldInfo integer(const char *path, const char *label, double low, double high, const char *help)
{
    return ranged(FieldInfo::Kind::Integer, path, label, low, high, help);
}

inline FieldInfo number(const char *path, const char *label, double low, double high, const char *help)
{
    return ranged(FieldInfo::Kind::Number, path, label, low, high, help);
}

inline FieldInfo text(const char *path, const char *label, const char *help)
{
    return make(FieldInfo::Kind::Text, path, label, help);
}

inline FieldInfo flag(const char *path, const char *label, const char *help)
{
    return make(FieldInfo::Kind::Flag, path, label, help);
}

inline FieldInfo object(const char *path, const char *label, const char *help)
{
    return make(FieldInfo::Kind::Object, path, label, help);
}

inline FieldInfo expression(const char *path, const char *label, double low, double high, const char *help)
{
    return ranged(FieldInfo::Kind::Expression, path, label, low, high, help);
}

inline FieldInfo choice(const char *path, const char *label, std::vector<std::string> choices, const char *help)
{
    FieldInfo info = make(FieldInfo::Kind::Choice, path, label, help);
    info.choices = std::move(choices);
    return info;
}

template <class Enum>
FieldInfo choice(const char *path, const char *label, const char *help)
{
    return choice(path, label, wordsOf<Enum>(), help);
}

/// The default is worked out from other fields; `from` says how.
inline FieldInfo derived(FieldInfo info, const char *from)
{
    info.defaultText = from;
    return info;
}

inline FieldInfo in(FieldInfo info, const char *unit)
{
    info.unit = unit;
    return info;
}

inline FieldInfo orNull(FieldInfo info)
{
    info.nullable = true;
    return info;
}

inline FieldInfo only(FieldInfo info, std::vector<Family> families)
{
    info.families = std::move(families);
    return info;
}

} // namespace field

constexpr double kLargestWhole = 9007199254740992.0; // 2^53: every JSON reader keeps it exact

template <class Visitor>
void describeStage(Visitor &visit, StageConfig &stage)
{
    using namespace field;
    visit(text("name", "Name", "What the stage is called on screen"), stage.name);
    visit(in(integer("steps", "Steps", 1, 1e9, "Optimiser steps of the stage"), "steps"), stage.steps);
    visit(choice<StageAttention>("attention", "Attention", "Over every visible key, or over the selected keys"),
          stage.attention);
    visit(choice<StageTrains>("train", "Trains", "Which weights this stage changes"), stage.trains);
    visit(
        choice<KlTarget>("kl", "Indexer loss",
                         "Keys over which the indexer is compared with the attention; entropy and diversity look at no "
                         "attention"),
        stage.kl);
    visit(orNull(
              derived(number("learning_rate", "Learning rate", 1e-9, 10, "Replaces the rate of what this stage trains"),
                      "as the recipe")),
          stage.learningRate);
}

template <class Visitor>
void describeData(Visitor &visit, DataConfig &data)
{
    using namespace field;
    visit(choice("data.source", "Source",
                 {"stories", "text", "needle", "mqar", "noisy-recall", "selective-copy", "forgetting", "brackets",
                  "document-questions", "noise"},
                 "Where the tokens come from; every kind but text is generated and needs no file"),
          data.source);
    visit(derived(text("data.path", "Text file", "Source text; given alone it implies data.source = text"), "none"),
          data.path);
    visit(text("data.separator", "Separator", "Documents are what lies between; the split never cuts one"),
          data.separator);
    visit(number("data.validation", "Validation share", 0.01, 0.5, "Share of the documents kept for validation"),
          data.validation);
    visit(text("data.tokenizer", "Tokenizer",
               "bytes, the path of a SentencePiece model, or sentencepiece:N to train one of N pieces"),
          data.tokenizer);
    visit(object("data.options", "Generator options", "Parameters of the generator; each source has its own"),
          data.options);
}

template <class Visitor>
void describeModel(Visitor &visit, ModelConfig &model)
{
    using namespace field;
    const std::vector<Family> mha{Family::Classic, Family::Sparse}, mla{Family::Mhla, Family::MhlaSparse};
    const std::vector<Family> sparse{Family::Sparse, Family::MhlaSparse};
    visit(
        choice<Family>("model.family", "Family", "Preset of the attention kind and the selection kind; usually swept"),
        model.family);
    visit(derived(choice<AttentionKind>("model.attention.kind", "Attention",
                                        "Multi-head attention, or multi-head latent attention"),
                  "by family"),
          model.attention);
    visit(only(derived(
                   choice(
                       "model.selection.kind", "Selection",
                       {"none", "lightning", "oracle", "random", "recency", "sink-window", "untrained", "planted-leak"},
                       "Who selects the keys of a query; planted-leak looks ahead on purpose, to show what that does"),
                   "by family"),
               sparse),
          model.selection.kind);
    visit(only(in(expression("model.selection.top_k", "Top-k", 1, 131072,
                             "Keys a query may attend to; at L/2 random selection already keeps 0.69 of the mass"),
                  "keys"),
               sparse),
          model.selection.topK);
    visit(integer("model.d_model", "Width d", 8, 16384, "Width of the residual stream"), model.dModel);
    visit(integer("model.n_layers", "Layers", 1, 128, "Decoder blocks"), model.nLayers);
    visit(integer("model.n_heads", "Heads", 1, 128, "Attention heads"), model.nHeads);
    visit(only(derived(integer("model.n_kv_heads", "Key heads", 1, 128,
                               "Key and value heads; fewer than heads is grouped-query attention"),
                       "= heads"),
               mha),
          model.nKvHeads);
    visit(only(derived(integer("model.head_dim", "Head width", 2, 1024, "Width of one head's query and key"),
                       "width / heads"),
               mha),
          model.headDim);
    visit(
        only(number("model.rotary_fraction", "Rotary share", 0.0, 1.0, "Share of a head that carries positions"), mha),
        model.rotaryFraction);
    visit(only(flag("model.qk_norm", "Normalise q and k", "RMSNorm on each head of query and key"), mha), model.qkNorm);
    visit(only(integer("model.mla.kv_lora_rank", "Key latent", 1, 16384,
                       "Width of the latent that keys and values share"),
               mla),
          model.mla.kvLoraRank);
    visit(only(orNull(integer("model.mla.q_lora_rank", "Query latent", 1, 16384,
                              "Width of the query latent; null: queries come straight from the width")),
               mla),
          model.mla.qLoraRank);
    visit(only(integer("model.mla.qk_nope_head_dim", "Head width without position", 1, 1024,
                       "Part of query and key that carries no position"),
               mla),
          model.mla.qkNopeHeadDim);
    visit(only(integer("model.mla.qk_rope_head_dim", "Head width with position", 2, 1024,
                       "Part of query and key that is rotated; even"),
               mla),
          model.mla.qkRopeHeadDim);
    visit(only(integer("model.mla.v_head_dim", "Value width", 1, 1024, "Width of one head's value"), mla),
          model.mla.vHeadDim);
    visit(only(integer("model.indexer.n_heads", "Indexer heads", 1, 128, "Heads of the lightning indexer"), sparse),
          model.indexer.nHeads);
    visit(
        only(integer("model.indexer.head_dim", "Indexer head width", 8, 256, "Width of an indexer head; even"), sparse),
        model.indexer.headDim);
    visit(
        only(choice<RopeStyle>("model.indexer.rope", "Indexer positions", "Which pairs of an indexer head are rotated"),
             sparse),
        model.indexer.rope);
    visit(only(choice<IndexActivation>("model.indexer.activation", "Indexer activation",
                                       "f in the index score, the sum of w f(q.k) over the indexer heads; relu is the "
                                       "published one, prelu learns a slope a head; only relu has kernels and can be "
                                       "exported to Hugging Face"),
               sparse),
          model.indexer.activation);
    visit(only(orNull(derived(text("model.share_pattern", "Shared selections",
                                   "F or S a layer: S reuses the selection of the nearest earlier F"),
                              "every layer has its own")),
               sparse),
          model.sharePattern);
    visit(integer("model.d_ff", "Feed-forward width", 1, 65536, "Inner width of the dense feed-forward layers"),
          model.dFf);
    visit(integer("model.moe.n_experts", "Experts", 0, 1024, "Experts of a layer; 0: dense feed-forward everywhere"),
          model.moe.nExperts);
    visit(integer("model.moe.experts_per_token", "Experts a token", 1, 1024, "Experts that each token is sent to"),
          model.moe.expertsPerToken);
    visit(integer("model.moe.d_expert", "Expert width", 1, 65536, "Inner width of an expert"), model.moe.dExpert);
    visit(integer("model.moe.n_shared", "Shared experts", 0, 64, "Experts that every token visits"), model.moe.nShared);
    visit(integer("model.moe.n_groups", "Expert groups", 1, 1024, "Groups among which the router first chooses"),
          model.moe.nGroups);
    visit(integer("model.moe.top_groups", "Groups a token", 1, 1024, "Groups that a token may use"),
          model.moe.topGroups);
    visit(number("model.moe.scale", "Routed scale", 1e-3, 100, "Factor on the routed experts' weights"),
          model.moe.scale);
    visit(integer("model.moe.first_dense", "First dense layers", 0, 128, "Layers at the bottom without experts"),
          model.moe.firstDense);
    visit(number("model.moe.bias_rate", "Balance rate", 0, 1, "Step of the router bias that balances the experts"),
          model.moe.biasRate);
    visit(number("model.rope_theta", "RoPE theta", 1, 1e9, "Base of the rotary frequencies"), model.ropeTheta);
    visit(number("model.norm_eps", "Norm eps", 1e-12, 1e-2, "Added to the mean square in RMSNorm"), model.normEps);
    visit(flag("model.tie_embeddings", "Tie embeddings", "Output head and embedding are one matrix"),
          model.tieEmbeddings);
    visit.group(
        orNull(derived(object("model.yarn", "YaRN", "Stretches the rotary frequencies for longer contexts"), "off")),
        model.yarn, [&visit](YarnConfig &yarn) {
            visit(number("model.yarn.factor", "YaRN factor", 1, 1024, "How many times longer the context becomes"),
                  yarn.factor);
            visit(in(integer("model.yarn.original_max_position_embeddings", "YaRN original length", 2, 1e7,
                             "Length before the stretch"),
                     "tokens"),
                  yarn.originalMaxPositionEmbeddings);
            visit(number("model.yarn.beta_fast", "YaRN beta fast", 1e-3, 1e6,
                         "Turns above which a frequency is left alone"),
                  yarn.betaFast);
            visit(number("model.yarn.beta_slow", "YaRN beta slow", 1e-3, 1e6,
                         "Turns below which a frequency is fully stretched"),
                  yarn.betaSlow);
            visit(number("model.yarn.mscale", "YaRN mscale", 0, 100, "Of the attention factor"), yarn.mscale);
            visit(number("model.yarn.mscale_all_dim", "YaRN mscale, all dims", 0, 100, "Of the softmax scale"),
                  yarn.mscaleAllDim);
        });
}

template <class Visitor>
void describeTraining(Visitor &visit, TrainingConfig &training)
{
    using namespace field;
    const std::vector<Family> sparse{Family::Sparse, Family::MhlaSparse};
    visit(in(integer("training.sequence_length", "Sequence length L", 2, 131072, "Tokens of one training window"),
             "tokens"),
          training.sequenceLength);
    visit.expression(in(expression("training.batch_size", "Batch", 1, 4096,
                                   "Sequences a step; 4096/L keeps the tokens of a step equal over lengths"),
                        "sequences"),
                     training.batchSize, training.sequenceLength);
    visit(in(integer("training.steps", "Steps", 1, 1e9, "Main-model steps of the recipe"), "steps"), training.steps);
    visit(choice<Recipe>(
              "training.recipe", "Recipe",
              "Which stages train what; on text at small k, warmup and joint end closer to dense than scratch"),
          training.recipe);
    visit(only(in(integer(
                      "training.warmup_indexer_steps", "Indexer warm-up steps", 1, 1e9,
                      "Steps that train the indexer alone (recipes warmup and frozen-warmup); not counted on the axis"),
                  "steps"),
               sparse),
          training.warmupIndexerSteps);
    visit(
        only(choice<WarmupObjective>(
                 "training.warmup_objective", "Indexer warm-up by",
                 "What these steps train it by: KL against the attention, few keys a query (entropy), other keys than "
                 "the query before (diversity); none leaves them out"),
             sparse),
        training.warmupObjective);
    visit(derived(make(FieldInfo::Kind::Stages, "training.stages", "Stages", "Own stages, with recipe custom only"),
                  "from recipe"),
          training.stages);
    visit(derived(number("training.learning_rate", "Learning rate", 1e-9, 10, "Peak rate of the main weights"),
                  "by width and task"),
          training.learningRate);
    visit(
        only(derived(number("training.indexer_learning_rate", "Indexer rate", 1e-9, 10, "Constant rate of the indexer"),
                     "by width and task"),
             sparse),
        training.indexerLearningRate);
    visit(only(number("training.kl_weight", "Indexer loss weight", 0, 1000, "Factor on the indexer's loss"), sparse),
          training.klWeight);
    visit(choice<Schedule>("training.schedule", "Schedule", "How the learning rate goes down"), training.schedule);
    visit(number("training.schedule_floor", "Schedule floor", 0, 1, "Share of the learning rate at which cosine ends"),
          training.scheduleFloor);
    visit(
        derived(in(integer("training.warmup_steps", "Warm-up steps", 0, 1e9, "Steps in which the learning rate rises"),
                   "steps"),
                "5 % of steps"),
        training.warmupSteps);
    visit(number("training.weight_decay", "Weight decay", 0, 10, "AdamW decay of matrices"), training.weightDecay);
    visit(number("training.beta1", "Adam beta 1", 0, 0.9999, "Memory of the mean gradient"), training.beta1);
    visit(number("training.beta2", "Adam beta 2", 0, 0.99999, "Memory of the squared gradient"), training.beta2);
    visit(number("training.grad_clip", "Gradient clip", 1e-6, 1e6,
                 "Largest gradient norm; main weights and indexer apart"),
          training.gradClip);
    visit(choice<Precision>("training.precision", "Precision", "auto: bf16 on CUDA, fp32 on CPU"), training.precision);
    visit(choice<Captured>("training.captured", "Captured step",
                           "A whole step as one CUDA graph; auto: on CUDA, wherever the step can be captured"),
          training.captured);
    visit(choice<Kernels>("training.kernels", "Kernels",
                          "auto: the fastest that support the sizes; sm80: none of those for Hopper alone; aten: none, "
                          "plain tensor operations"),
          training.kernels);
    visit(integer("training.seed", "Seed", 0, kLargestWhole, "Of data order and initialisation"), training.seed);
    visit(derived(in(integer("training.eval_every", "Evaluate every", 1, 1e9, "Steps between evaluations"), "steps"),
                  "steps / 20"),
          training.evalEvery);
    visit(
        in(integer("training.eval_batches", "Evaluation batches", 1, 100000, "Validation batches, the same every time"),
           "batches"),
        training.evalBatches);
    visit(in(number("training.checkpoint_seconds", "Checkpoint every", 1, 1e6,
                    "Time between checkpoints; also at every stage end and at the finish"),
             "s"),
          training.checkpointSeconds);
    visit(integer("training.keep_checkpoints", "Checkpoints kept", 1, 1000,
                  "Older ones are deleted; the final one always stays"),
          training.keepCheckpoints);
}

template <class Visitor>
void describe(Visitor &visit, RunConfig &config)
{
    using namespace field;
    visit(derived(integer("schema", "Schema", 1, 1, "Version of this format"), "required"), config.schema);
    visit(derived(text("name", "Name", "Folder name of the experiment: 1 to 64 of a-z, 0-9 and -"), "required"),
          config.experiment);
    visit(text("question", "Question", "What the experiment wants to find out; shown everywhere"), config.question);
    describeData(visit, config.data);
    describeModel(visit, config.model);
    describeTraining(visit, config.training);
    visit(derived(text("probe.text", "Probe text", "Text that every snapshot looks at"), "a validation document"),
          config.probe.text);
    visit.expression(derived(in(expression("probe.every", "Snapshot every", 1, 1e9,
                                           "Steps between snapshots; also at step 1 and at stage ends"),
                                "steps"),
                             "steps / 50"),
                     config.probe.every, config.training.sequenceLength);
    visit(choice<RunOrder>("run.order", "Order", "lockstep: the families of one comparison advance together"),
          config.order);
}

} // namespace sparsescope
