#pragma once

#include "core/base/error.h"
#include "core/base/index_activation.h"
#include "core/base/length_expression.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// The configuration of a run and of an experiment. Plain values; what each field is called, which values it takes,
/// its default, its unit and its help stand once, in config_fields.cpp, and JSON, --set, schema, help and the form
/// come from there. Field table: CONTRACTS.md 1.
namespace sparsescope {

enum class Family { Classic, Sparse, Mhla, MhlaSparse };
enum class AttentionKind { Mha, Mla };
enum class RopeStyle { HalfSplit, Interleaved };
enum class Recipe { Scratch, Warmup, Joint, FrozenWarmup, Custom };
enum class StageAttention { Dense, Sparse };
enum class StageTrains { All, Main, Indexer };
/// What trains an indexer. Visible and Selected: KL against the attention over these keys. Entropy and Diversity look at no
/// attention at all (core/model/untaught_objectives.h).
enum class KlTarget { None, Visible, Selected, Entropy, Diversity };
/// What the indexer's own stage of a recipe trains it by. None: there is no such stage.
enum class WarmupObjective { Kl, Entropy, Diversity, None };
enum class Schedule { Cosine, Constant };
enum class Precision { Auto, Fp32, Bf16 };
enum class Captured { Auto, On, Off };
enum class Kernels { Auto, Portable, Plain };
enum class RunOrder { Lockstep, Sequential };

std::string toString(Family);    ///< "classic", "sparse", "mhla", "mhla_sparse"
std::string displayName(Family); ///< "Classic", "DSA", "MHLA", "MHLA+DSA"
bool isSparse(Family);
struct ModelConfig;
bool hasIndexer(const ModelConfig &model); ///< by its selection
std::string toString(StageAttention);
std::string toString(StageTrains);
std::string toString(KlTarget);
bool comparesWithAttention(KlTarget); ///< Visible or Selected
std::string toString(WarmupObjective);
std::string toString(Recipe);

struct DataConfig {
    std::string source = "stories";
    std::string path;               ///< source text, for source "text" (and needle with filler "text")
    std::string separator = "\n\n"; ///< documents are what lies between
    double validation = 0.1;        ///< share of documents
    std::string tokenizer = "bytes";
    nlohmann::json options = nlohmann::json::object(); ///< generator parameters
};

struct SelectionConfig {
    std::string kind; ///< by family: "none" or "lightning"
    LengthExpression topK{"L/8"};
};

struct MlaConfig {
    int kvLoraRank = 64;
    std::optional<int> qLoraRank = 96;
    int qkNopeHeadDim = 32;
    int qkRopeHeadDim = 16;
    int vHeadDim = 32;
};

struct IndexerConfig {
    int nHeads = 4;
    int headDim = 64;
    RopeStyle rope = RopeStyle::HalfSplit;
    IndexActivation activation = IndexActivation::Relu;
};

struct MoeConfig {
    int nExperts = 4; ///< 0: dense feed-forward in every layer
    int expertsPerToken = 2;
    int dExpert = 512;
    int nShared = 1;
    int nGroups = 1;
    int topGroups = 1;
    double scale = 1.0;
    int firstDense = 0;
    double biasRate = 1e-3;
};

struct YarnConfig {
    double factor = 1.0;
    int originalMaxPositionEmbeddings = 4096;
    double betaFast = 32.0;
    double betaSlow = 1.0;
    double mscale = 0.0;
    double mscaleAllDim = 0.0;
};

struct ModelConfig {
    Family family = Family::Sparse;
    AttentionKind attention = AttentionKind::Mha; ///< by family
    SelectionConfig selection;
    int dModel = 256;
    int nLayers = 4;
    int nHeads = 8;
    int nKvHeads = 0; ///< resolved: = nHeads unless given
    int headDim = 0;  ///< resolved: dModel / nHeads unless given
    double rotaryFraction = 1.0;
    bool qkNorm = false;
    MlaConfig mla;
    IndexerConfig indexer;
    std::string sharePattern; ///< "F"/"S" a layer, empty: every layer has its own indexer
    int dFf = 512;
    MoeConfig moe;
    double ropeTheta = 10000.0;
    double normEps = 1e-6;
    bool tieEmbeddings = false;
    std::optional<YarnConfig> yarn;
};

struct StageConfig {
    std::string name; ///< as shown: "Dense training"
    std::int64_t steps = 0;
    StageAttention attention = StageAttention::Dense;
    StageTrains trains = StageTrains::All;
    KlTarget kl = KlTarget::None;
    std::optional<double> learningRate; ///< overrides the rate of what this stage trains
};

struct TrainingConfig {
    std::int64_t sequenceLength = 128;
    int batchSize = 16;
    std::int64_t steps = 1000; ///< main-model steps
    Recipe recipe = Recipe::Joint;
    std::int64_t warmupIndexerSteps = 150;                 ///< indexer-only steps of recipe warmup, of frozen-warmup
    WarmupObjective warmupObjective = WarmupObjective::Kl; ///< of these steps
    std::vector<StageConfig> stages;                       ///< only with recipe custom
    double learningRate = 0;        ///< resolved by family and width (EXPERIMENTS.md 6) unless given
    double indexerLearningRate = 0; ///< likewise
    double klWeight = 1.0;
    Schedule schedule = Schedule::Cosine;
    double scheduleFloor = 0.1;   ///< cosine ends at this share of the rate
    std::int64_t warmupSteps = 0; ///< resolved: 5 % of steps unless given
    double weightDecay = 0.1;
    double beta1 = 0.9;
    double beta2 = 0.95;
    double gradClip = 1.0;
    Precision precision = Precision::Auto;
    Captured captured = Captured::Auto; ///< a step as one CUDA graph
    Kernels kernels = Kernels::Auto;    ///< which of the project's own may run
    std::uint64_t seed = 0;
    std::int64_t evalEvery = 0; ///< resolved: steps/20 unless given
    int evalBatches = 16;
    double checkpointSeconds = 60;
    int keepCheckpoints = 2;
};

struct ProbeConfig {
    std::string text;       ///< empty: a validation document
    std::int64_t every = 0; ///< resolved: steps/50 unless given
};

/// One run, every field resolved: nothing is left to be derived from family, width or length.
struct RunConfig {
    int schema = 1;
    std::string experiment; ///< name of the experiment
    std::string question;
    DataConfig data;
    ModelConfig model;
    TrainingConfig training;
    ProbeConfig probe;
    RunOrder order = RunOrder::Lockstep;
    /// Swept values other than sequence_length, family and seed, in sweep order: ("top_k", "32"). They name folders.
    std::vector<std::pair<std::string, std::string>> extraAxes;

    std::int64_t topK() const { return model.selection.topK.evaluate(training.sequenceLength); }
    /// "seq_128/sparse/seed_0", with one more folder per extra axis (CONTRACTS.md 3).
    std::string folder() const;
    /// Runs of equal key advance together and share data order, schedule and initialisation.
    std::string lockstepGroup() const;
};

struct SweepAxis {
    std::string path;      ///< full path: "training.sequence_length"
    std::string shortName; ///< "sequence_length"
    std::vector<nlohmann::json> values;
};

/// What an experiment file says, checked, not yet expanded.
struct ExperimentConfig {
    std::string name;
    std::string question;
    std::vector<SweepAxis> sweep;
    RunOrder order = RunOrder::Lockstep;
    nlohmann::ordered_json document; ///< the file after --set; what experiment.json in the output holds
    std::string origin;              ///< file name for messages
};

/// "model.selection.top_k=64": the path is checked when the document is.
struct Override {
    std::string path;
    std::string value; ///< JSON, or plain text where that is no JSON
};

/// Reads, overrides and checks. Throws ConfigFailure with ALL errors of the file: unknown keys (naming the nearest
/// known one), types, ranges, and what no run of the sweep may have (heads that do not divide the width, k < 1,
/// odd rotary dimension, ...). Every run of the sweep is checked.
ExperimentConfig parseExperiment(const nlohmann::ordered_json &document, const std::string &origin,
                                 const std::vector<Override> &overrides = {});
ExperimentConfig loadExperiment(const std::filesystem::path &file, const std::vector<Override> &overrides = {});

/// Pure: the product of the sweep, in queue order (lockstep groups together). Every RunConfig is resolved and valid.
std::vector<RunConfig> expand(const ExperimentConfig &experiment);

/// A resolved run as JSON with every field, and back (run.json, config.json of a checkpoint).
nlohmann::ordered_json toJson(const RunConfig &config);
RunConfig runConfigFromJson(const nlohmann::ordered_json &document, const std::string &origin);

/// The stages of a run (CONTRACTS.md 2): from the recipe and the family, or the custom ones.
std::vector<StageConfig> stagesOf(const RunConfig &config);
/// A stage that trains only the indexer does not count on the x axis.
inline bool countsOnAxis(const StageConfig &stage) { return stage.trains != StageTrains::Indexer; }

/// What one field is: for the form, the schema, the help and the messages.
struct FieldInfo {
    enum class Kind { Integer, Number, Text, Flag, Choice, Expression, Object, Stages };
    std::string path; ///< "model.selection.top_k"
    Kind kind = Kind::Text;
    nlohmann::json defaultValue; ///< null: derived, see defaultText
    std::string defaultText;     ///< "width / heads", "by family"
    std::string unit;
    std::string help;  ///< one sentence
    std::string label; ///< for the form: "Width d"
    std::optional<double> low, high;
    std::vector<std::string> choices;
    bool nullable = false;
    std::vector<Family> families; ///< empty: all; else the field is hidden for the others
};
const std::vector<FieldInfo> &configFields();

/// JSON Schema (2020-12) of an experiment file.
nlohmann::ordered_json configSchema();

} // namespace sparsescope
