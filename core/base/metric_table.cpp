#include "core/base/metric_table.h"

#include <algorithm>
#include <cctype>

namespace sparsescope {
namespace {

constexpr const char *kBlindKeys = "mean of k/(t+1) over rows t >= k";

std::vector<MetricInfo> makeTable()
{
    std::vector<MetricInfo> table;
    const auto add = [&table](const char *key, const char *label, const char *unit, const char *formula,
                              const char *chance = "") -> MetricInfo & {
        table.push_back({key, label, unit, formula, chance});
        return table.back();
    };
    const auto withChance = [](MetricInfo &metric) -> MetricInfo & {
        metric.storesChance = true;
        return metric;
    };
    const auto layered = [](MetricInfo &metric) -> MetricInfo & {
        metric.byLayer = true;
        return metric;
    };

    add("train.loss", "Train loss", "nats", "-ln P(label), mean over the labels of a training batch", "ln V");
    withChance(add("val.loss", "Validation loss", "nats",
                   "-ln P(label), mean over the labels of the validation batches", "ln V"));
    add("val.loss.dense_part", "Loss where t < k", "nats", "val.loss over the rows that see every visible key", "ln V");
    add("val.loss.sparse_part", "Loss where t >= k", "nats", "val.loss over the rows that have to choose", "ln V");
    add("val.loss.position", "Loss by position", "nats", "val.loss over each eighth of the window, from its start",
        "ln V")
        .parts = 8;
    add("val.perplexity", "Perplexity", "", "exp(val.loss)", "V");
    add("val.bits_per_byte", "Bits per byte", "bits", "val.loss / ln 2 / bytes per token");
    withChance(add("val.accuracy", "Accuracy", "share", "labels that are the most likely token",
                   "of tasks one out of the tokens that an answer may have; else 1/V"));
    withChance(add("val.exact", "Exact answers", "share", "tasks: answers with every token right",
                   "token chance to the power of the answer's length"));
    add("val.accuracy.distance", "Accuracy by distance", "share",
        "tasks: val.accuracy of the answers whose key lies back by each quarter of the window")
        .parts = 4;
    add("val.exact.distance", "Exact answers by distance", "share", "tasks: val.exact by the same quarters").parts = 4;
    withChance(layered(add("oracle.recall", "Place found, mean of layers", "share",
                           "tasks: share of the known keys of the labels that are in S", "mean of min(1, k/(t+1))")));
    add("oracle.recall.best_layer", "Place found, best layer", "share",
        "tasks: the largest of oracle.recall/N; one layer that finds the place is enough");
    layered(add("oracle.recall.random", "Place found by random keys", "share", "oracle.recall of k random keys"));
    layered(add("oracle.recall.recency", "Place found by the nearest keys", "share",
                "oracle.recall of the k nearest keys"));

    layered(add("indexer.kl", "Indexer KL", "nats",
                "KL(p over A || softmax of I over A), A the visible keys (dense attention) or S (sparse)",
                "indexer.kl_uniform"));
    layered(add("indexer.kl_uniform", "KL of equal scores", "nats", "indexer.kl with I = 0"));
    add("indexer.entropy", "Indexer entropy", "share", "entropy of softmax I over the visible keys / ln(t+1)", "1");
    add("indexer.diversity", "Sameness of neighbours", "share",
        "cosine of softmax I of query t and of query t-1 over the visible keys", "near 1");
    layered(add("indexer.captured", "Mass captured", "share",
                "(mass kept - chance) / (mass kept by the oracle - chance)", "0 (the oracle: 1)"));
    withChance(layered(add(
        "indexer.head_overlap", "Keys that heads share", "share",
        "|Si and Sj| / k, mean over pairs of indexer heads; Si the top-k of w f(q.k) of head i alone", kBlindKeys)));

    withChance(layered(add("selection.mass_kept", "Attention mass kept", "share", "sum over S of p", kBlindKeys)));
    layered(add("selection.mass_kept.oracle", "Mass kept by the oracle", "share", "sum over the top-k of p of p"));
    withChance(layered(add("selection.mass_kept.worst", "Mass kept, worst rows", "share",
                           "5th percentile over rows of the mass kept", "the same of random sets")));
    withChance(layered(add("selection.recall", "Needed keys found", "share", "|S and top-k of p| / k", kBlindKeys)));
    layered(add("selection.recall.random", "Needed keys found by random keys", "share",
                "selection.recall of k random keys"));
    layered(add("selection.recall.recency", "Needed keys found by the nearest keys", "share",
                "selection.recall of the k nearest keys"));
    layered(add("selection.k_effective", "Keys a query", "keys", "mean of |S| over all rows", "min(k, t+1) by rule"));
    layered(add("selection.pairs_kept", "Key pairs kept", "share", "sum of |S| / sum of (t+1)"));
    withChance(layered(add("selection.look_back", "Look-back", "tokens", "mean over S of t - s", "mean of t/2")));
    withChance(layered(add("selection.coverage", "Keys used at all", "share",
                           "keys s <= L-2 that at least one row t >= k takes", "the same of random sets")));
    withChance(layered(add("selection.sink_kept", "First keys kept", "share",
                           "keys 0 to 3 that are in S, mean over the four and rows t >= k", kBlindKeys)));
    withChance(layered(add("selection.churn", "Selection churn", "share",
                           "1 - |S and S'| / |S or S'|, S' of the snapshot before, on the probe",
                           "1 - mean of a/(2-a), a = k/(t+1)")));
    withChance(add("selection.agreement", "Agreement with the layer below", "share",
                   "|S and S'| / |S or S'|, S' of the layer before; stored as selection.agreement.N",
                   "mean of a/(2-a), a = k/(t+1)"));
    layered(add("selection.ties", "Rows with a tie", "share",
                "rows where a key left out scores as much as the lowest one taken"));

    add("counterfactual.loss", "Loss with other keys", "nats",
        "val.loss with another selector at inference: counterfactual.loss.random, .recency", "val.loss.chance");
    add("counterfactual.accuracy", "Accuracy with other keys", "share", "val.accuracy, likewise",
        "val.accuracy.chance");
    add("counterfactual.exact", "Exact answers with other keys", "share", "val.exact, likewise", "val.exact.chance");

    add("grad.norm", "Gradient norm", "", "of the main weights, before clipping");
    add("grad.indexer", "Indexer gradient", "", "norm, of the indexer's weights, before clipping");
    add("moe.load_max", "Largest expert load", "×", "largest load of an expert / mean load, largest over layers", "1");
    add("time.step", "Time per step", "s", "wall time of a training step");
    add("time.trained", "Training time", "s", "wall time of all training steps so far, those of the indexer alone too");
    add("time.tokens_per_s", "Throughput", "tokens/s", "tokens of a step / time.step");
    add("memory.device", "Device memory", "bytes", "largest in use so far on the device that trains");
    add("memory.host", "Memory", "bytes", "of the process");
    add("memory.kv_cache", "KV cache a token", "bytes",
        "numbers kept for later tokens, all layers, 2 bytes each: 2 KV dh (mha) or c + dr (mla), and dI of each "
        "indexer",
        "memory.kv_cache.mha: 2 H dh a layer");
    add("memory.kv_cache.mha", "KV cache of multi-head attention", "bytes", "2 H dh a layer, 2 bytes a number");
    add("flops.model", "FLOPs needed", "FLOPs",
        "so far; attention over |S| keys, the indexer over the visible keys; a multiply-add is two, a backward pass "
        "two forwards");
    add("flops.executed", "FLOPs executed", "FLOPs",
        "so far; as flops.model, but sparse attention and the loss over S visit every visible key and mask");
    return table;
}

bool isNumber(const std::string &text)
{
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

const MetricInfo *exactly(const std::string &key)
{
    const std::vector<MetricInfo> &table = metricTable();
    const auto found = std::find_if(table.begin(), table.end(), [&](const MetricInfo &m) { return m.key == key; });
    return found == table.end() ? nullptr : &*found;
}

/// A key of a metric that this one allows: its own, its chance, its selector.
const MetricInfo *withoutSuffix(const std::string &key)
{
    if (const MetricInfo *metric = exactly(key))
        return metric;
    const std::size_t dot = key.rfind('.');
    if (dot == std::string::npos)
        return nullptr;
    const MetricInfo *metric = exactly(key.substr(0, dot));
    const std::string last = key.substr(dot + 1);
    if (!metric)
        return nullptr;
    const bool isChance = last == "chance" && metric->storesChance;
    const bool isSelector = metric->key.rfind("counterfactual.", 0) == 0 && last != "chance";
    const bool isLayer = metric->key == "selection.agreement" && isNumber(last);
    return isChance || isSelector || isLayer ? metric : nullptr;
}

std::string cell(const std::string &text) { return text.empty() ? "-" : text; }

/// A pipe ends a cell of a table.
std::string escaped(std::string text)
{
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2)
        text.insert(at, "\\");
    return text;
}

} // namespace

const std::vector<MetricInfo> &metricTable()
{
    static const std::vector<MetricInfo> table = makeTable();
    return table;
}

const MetricInfo *metricInfo(const std::string &key)
{
    const std::size_t slash = key.rfind('/');
    if (slash == std::string::npos) {
        const MetricInfo *metric = withoutSuffix(key);
        return metric && metric->parts == 0 ? metric : nullptr;
    }
    const std::string part = key.substr(slash + 1);
    const MetricInfo *metric = withoutSuffix(key.substr(0, slash));
    if (!metric || !isNumber(part))
        return nullptr;
    const bool hasPart = metric->parts > 0 ? std::stoi(part) < metric->parts : metric->byLayer;
    return hasPart ? metric : nullptr;
}

std::string metricsMarkdown()
{
    std::string text =
        "# What is measured\n\n"
        "p is the head mean of the dense attention that a layer would have at this point, S the set of keys that a "
        "query may\n"
        "attend to, t a query, s a key, k keys per query. Metrics of the selection are means over rows t >= k, the "
        "batch and the\n"
        "layers; where no row is left the value is unknown, never 0. `<key>/<layer>` is the value of one layer, "
        "`<key>.chance`\n"
        "what blind choice gives.\n\n"
        "| metric | shown as | unit | formula | chance | stored too |\n| --- | --- | --- | --- | --- | --- |\n";
    for (const MetricInfo &metric : metricTable()) {
        std::string more = metric.byLayer ? "each layer" : "";
        if (metric.storesChance)
            more += more.empty() ? "chance" : ", chance";
        if (metric.parts > 0)
            more = "/0 to /" + std::to_string(metric.parts - 1) + " only";
        text += "| `" + metric.key + "` | " + metric.label + " | " + cell(metric.unit) + " | " +
                escaped(metric.formula) + " | " + cell(escaped(metric.chance)) + " | " + cell(more) + " |\n";
    }
    text.pop_back(); // who prints it ends the line
    return text;
}

} // namespace sparsescope
