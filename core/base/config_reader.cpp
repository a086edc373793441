#include "core/base/config_reader.h"

#include "core/base/config_fields.h"
#include "core/base/json_reader.h"
#include "core/base/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace sparsescope {
namespace {

using nlohmann::ordered_json;

std::string didYouMean(const std::string &name, const std::vector<std::string> &known)
{
    const std::string nearest = nearestName(name, known);
    return nearest.empty() ? std::string() : "Did you mean " + nearest + "?";
}

template <class Enum, std::enable_if_t<std::is_enum_v<Enum>, int> = 0>
bool readValue(const FieldInfo &, const ordered_json &value, Enum &out)
{
    return value.is_string() && fromWord(value.get<std::string>(), out);
}

/// What makes words unfit as text: a character that ends a text for the system, or bytes that are none.
struct TextFault {
    std::string found, allowed, remedy;
};

TextFault faultOf(const std::string &text)
{
    const std::size_t zero = text.find('\0');
    if (zero == std::string::npos)
        return isUtf8(text) ? TextFault{} : TextFault{", which is not UTF-8", "text in UTF-8", ""};
    const auto begins = [](unsigned char byte) { return (byte & 0xC0) != 0x80; };
    const auto before = std::count_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), begins);
    return {fmt::format(", whose character {} is U+0000", before + 1), "text without the character U+0000",
            "Take it out: other control characters may stay."};
}

/// What each field of a stage may be.
struct AllowedOfStage {
    std::map<std::string, std::string> texts;

    template <class Value>
    void operator()(const FieldInfo &info, Value &)
    {
        texts[info.path] = allowedText(info);
    }
};

/// Keys of an object that none of `known` names.
void reportUnknown(const ordered_json &object, const std::string &prefix, const std::vector<std::string> &known,
                   std::vector<Error> &errors)
{
    for (const auto &[key, value] : object.items()) {
        if (std::find(known.begin(), known.end(), key) == known.end())
            addOnce(errors, {"unknown field", prefix + key.substr(0, 80), "", listed(known), didYouMean(key, known)});
    }
}

/// Reads one document. `prefix` stands before every path in messages ("training.stages[1].").
class Reader {
public:
    Reader(const ordered_json &document, std::string prefix, std::vector<Error> &errors)
        : m_document(document)
        , m_prefix(std::move(prefix))
        , m_errors(errors)
    {}

    template <class T>
    void operator()(const FieldInfo &info, T &value)
    {
        const ordered_json *node = valueAt(m_document, info.path);
        if (!node)
            return;
        if (readValue(info, *node, value))
            given.insert(info.path);
        else
            refuse(info, *node);
    }
    void operator()(const FieldInfo &info, std::vector<StageConfig> &stages)
    {
        const ordered_json *node = valueAt(m_document, info.path);
        if (!node)
            return;
        if (!node->is_array() || node->size() > kMostStages)
            return refuse(info, *node);
        given.insert(info.path);
        for (std::size_t i = 0; i < node->size(); ++i)
            readStage((*node)[i], fmt::format("{}[{}]", info.path, i), stages);
    }
    template <class Int>
    void expression(const FieldInfo &info, Int &value, std::int64_t sequenceLength)
    {
        LengthExpression expression;
        (*this)(info, expression);
        if (!given.count(info.path))
            return;
        const std::int64_t number = expression.evaluate(sequenceLength);
        if (static_cast<double>(number) <= info.high.value())
            value = static_cast<Int>(number);
        else
            refuse(info, *valueAt(m_document, info.path));
    }
    template <class Group, class Inner>
    void group(const FieldInfo &info, std::optional<Group> &value, const Inner &inner)
    {
        const ordered_json *node = valueAt(m_document, info.path);
        if (!node)
            return;
        if (node->is_null()) {
            given.insert(info.path);
        } else if (node->is_object()) {
            given.insert(info.path);
            inner(value.emplace());
        } else {
            refuse(info, *node);
        }
    }

    std::set<std::string> given, bad;

private:
    static constexpr std::size_t kMostStages = 64;

    void refuse(const FieldInfo &info, const ordered_json &node)
    {
        bad.insert(info.path);
        std::string remedy;
        if (info.kind == FieldInfo::Kind::Choice && node.is_string())
            remedy = didYouMean(node.get<std::string>(), info.choices);
        if (info.kind == FieldInfo::Kind::Text && node.is_string()) {
            const TextFault fault = faultOf(node.get<std::string>());
            return addOnce(m_errors,
                           {"", m_prefix + info.path, brief(node) + fault.found, fault.allowed, fault.remedy});
        }
        addOnce(m_errors, {"", m_prefix + info.path, brief(node), allowedText(info, node), remedy});
    }

    void refuseStage(const std::string &path)
    {
        bad.insert(path);
        bad.insert("training.stages");
    }

    void readStage(const ordered_json &node, const std::string &path, std::vector<StageConfig> &stages)
    {
        StageConfig stage;
        if (!node.is_object()) {
            addOnce(m_errors, {"", path, brief(node), "an object with steps, attention, train and kl", ""});
            refuseStage(path);
            stages.push_back(stage);
            return;
        }
        Reader reader(node, path + ".", m_errors);
        describeStage(reader, stage);
        reportUnknown(node, path + ".", {"name", "steps", "attention", "train", "kl", "learning_rate"}, m_errors);
        AllowedOfStage allowed;
        describeStage(allowed, stage);
        for (const char *required : {"steps", "attention", "train", "kl"}) {
            if (!reader.given.count(required)) {
                if (!reader.bad.count(required))
                    addOnce(m_errors, {"missing field", path + "." + required, "", allowed.texts[required], ""});
                refuseStage(path);
            }
        }
        if (!reader.bad.empty())
            refuseStage(path);
        if (stage.name.empty())
            stage.name = stage.trains == StageTrains::Indexer       ? "Indexer warm-up"
                         : stage.attention == StageAttention::Dense ? "Dense training"
                                                                    : "Sparse training";
        stages.push_back(std::move(stage));
    }

    const ordered_json &m_document;
    std::string m_prefix;
    std::vector<Error> &m_errors;
};

void checkGroup(const ordered_json &node, const std::string &prefix, std::vector<Error> &errors)
{
    for (const auto &[key, value] : node.items()) {
        const std::string path = prefix + key;
        const FieldInfo *info = fieldAt(path);
        const std::string below = path + ".";
        const bool isGroup = std::any_of(knownPaths().begin(), knownPaths().end(),
                                         [&](const std::string &known) { return known.rfind(below, 0) == 0; });
        if (isGroup && value.is_object())
            checkGroup(value, below, errors); // as deep as the known paths are, never as the document
        else if (isGroup && !info)
            addOnce(errors, {"", path, brief(value), "an object", ""});
        else if (!info)
            addOnce(errors, {"unknown field", path.substr(0, 160), "", "", didYouMean(path, knownPaths())});
    }
}

bool isRecall(const std::string &source) { return source != "stories" && source != "text" && source != "noise"; }

} // namespace

void addOnce(std::vector<Error> &errors, Error error)
{
    const std::string text = error.text();
    if (std::none_of(errors.begin(), errors.end(), [&](const Error &other) { return other.text() == text; }))
        errors.push_back(std::move(error));
}

const ordered_json *valueAt(const ordered_json &document, const std::string &path)
{
    const ordered_json *node = &document;
    for (std::size_t start = 0; start <= path.size();) {
        const std::size_t dot = std::min(path.find('.', start), path.size());
        if (!node->is_object())
            return nullptr;
        const auto child = node->find(path.substr(start, dot - start));
        if (child == node->end())
            return nullptr;
        node = &*child;
        start = dot + 1;
    }
    return node;
}

bool setValueAt(ordered_json &document, const std::string &path, ordered_json value)
{
    ordered_json *node = &document;
    for (std::size_t start = 0;;) {
        const std::size_t dot = path.find('.', start);
        if (!node->is_object())
            return false;
        ordered_json &child = (*node)[path.substr(start, dot == std::string::npos ? dot : dot - start)];
        if (dot == std::string::npos) {
            child = std::move(value);
            return true;
        }
        if (child.is_null())
            child = ordered_json::object();
        node = &child;
        start = dot + 1;
    }
}

ReadConfig readConfig(const ordered_json &document, std::vector<Error> &errors)
{
    ReadConfig read;
    Reader reader(document, "", errors);
    describe(reader, read.config);
    read.given = std::move(reader.given);
    read.bad = std::move(reader.bad);
    return read;
}

void checkKeys(const ordered_json &document, const std::vector<std::string> &extra, std::vector<Error> &errors)
{
    ordered_json known = document;
    for (const std::string &key : extra)
        known.erase(key);
    checkGroup(known, "", errors);
}

void resolve(ReadConfig &read)
{
    RunConfig &config = read.config;
    ModelConfig &model = config.model;
    TrainingConfig &training = config.training;
    const auto given = [&read](const char *path) { return read.given.count(path) > 0; };

    if (!given("data.source") && given("data.path") && !config.data.path.empty())
        config.data.source = "text";

    if (!given("model.family")) { // the kinds alone say which family is meant
        const bool latent = given("model.attention.kind") && model.attention == AttentionKind::Mla;
        const bool dense = given("model.selection.kind") && model.selection.kind == "none";
        model.family =
            latent ? (dense ? Family::Mhla : Family::MhlaSparse) : (dense ? Family::Classic : Family::Sparse);
    }
    const bool latent = model.family == Family::Mhla || model.family == Family::MhlaSparse;
    if (!given("model.attention.kind"))
        model.attention = latent ? AttentionKind::Mla : AttentionKind::Mha;
    // A selection kind beside swept families is meant for the sparse ones among them; where it is swept as well, a dense family
    // stands beside each kind.
    const bool leftToFamily = !isSparse(model.family) && read.swept.count("model.family");
    if (!given("model.selection.kind") || leftToFamily)
        model.selection.kind = isSparse(model.family) ? "lightning" : "none";

    if (!given("model.n_kv_heads"))
        model.nKvHeads = model.nHeads;
    if (!given("model.head_dim"))
        model.headDim = model.dModel / model.nHeads;

    if (training.recipe == Recipe::Custom && !given("training.steps")) {
        training.steps = 0;
        for (const StageConfig &stage : training.stages)
            training.steps += countsOnAxis(stage) ? stage.steps : 0;
    }
    const std::int64_t steps = training.steps;
    if (!given("training.warmup_steps"))
        training.warmupSteps = steps / 20;
    if (!given("training.eval_every"))
        training.evalEvery = std::max<std::int64_t>(1, steps / 20);
    if (!given("probe.every"))
        config.probe.every = std::max<std::int64_t>(1, steps / 50);

    // Rates tried at widths 64, 128 and 256; beyond 512 the main rate falls with the width.
    const bool recall = isRecall(config.data.source);
    const int width = model.dModel;
    if (!given("training.learning_rate"))
        training.learningRate = width < 96     ? (recall ? 3e-3 : 4e-3)
                                : width < 192  ? 2e-3
                                : width <= 512 ? 1.5e-3
                                               : 1.5e-3 * 512 / width;
    if (!given("training.indexer_learning_rate"))
        training.indexerLearningRate = width < 96 ? (recall ? 3e-3 : 5e-3) : width < 192 ? 4e-3 : 2e-3;
}

} // namespace sparsescope
