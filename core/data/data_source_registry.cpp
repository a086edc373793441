#include "core/base/config_words.h"
#include "core/base/nearest_name.h"
#include "core/data/data_source_kinds.h"
#include "core/data/random_stream.h"

#include <fmt/format.h>

namespace sparsescope {

const std::vector<DataSourceKind> &dataSourceKinds()
{
    static const std::vector<DataSourceKind> kinds = {storiesKind(),    textKind(),        needleKind(),
                                                      mqarKind(),       noisyRecallKind(), selectiveCopyKind(),
                                                      forgettingKind(), bracketsKind(),    documentQuestionsKind(),
                                                      noiseKind()};
    return kinds;
}

std::unique_ptr<DataSource> makeDataSource(const RunConfig &config)
{
    std::vector<std::string> names;
    for (const DataSourceKind &kind : dataSourceKinds()) {
        if (kind.name == config.data.source) {
            return kind.make(config);
        }
        names.push_back(kind.name);
    }
    const std::string nearest = nearestName(config.data.source, names);
    throw Failure({"unknown data source", "data.source", config.data.source, listed(names),
                   nearest.empty() ? "" : fmt::format("The nearest known source is \"{}\".", nearest)});
}

std::vector<Error> dataErrors(const RunConfig &config)
{
    const std::string path = "data.options.";
    std::vector<Error> errors;
    RunConfig tried = config;
    if (tried.data.tokenizer.starts_with("sentencepiece:")) {
        tried.data.tokenizer = "bytes";
    }
    // A source stops at the first thing wrong: an option that is refused gives way to its default, and the next one shows.
    while (true) {
        try {
            makeDataSource(tried);
            return errors;
        } catch (const Failure &failure) {
            const Error &error = failure.error();
            const std::string option = error.where.starts_with(path) ? error.where.substr(path.size()) : "";
            const bool given = tried.data.options.is_object() && tried.data.options.contains(option);
            // What is wrong beside a default that was put in may come from it.
            if (given || errors.empty()) {
                errors.push_back(error);
            }
            if (!given) {
                return errors;
            }
            tried.data.options.erase(option);
        }
    }
}

std::vector<std::string> noticesOf(const RunConfig &config, const DataSource &source)
{
    std::vector<std::string> notices;
    if (const std::string notice = source.notice(); !notice.empty()) {
        notices.push_back(notice);
    }
    const std::int64_t topK = config.topK(), length = config.training.sequenceLength;
    if (isSparse(config.model.family) && topK >= length) {
        notices.push_back(
            fmt::format("model.selection.top_k: {} keys at training.sequence_length {} leave nothing out: the "
                        "sparse attention is the dense one.",
                        topK, length));
    }
    const IndexActivation activation = config.model.indexer.activation;
    if (hasIndexer(config.model) && activation != IndexActivation::Relu) {
        notices.push_back(fmt::format(
            "model.indexer.activation: {} is computed in plain tensor operations, with all index scores of a "
            "layer in memory at once; the kernels for the indexer know relu alone.",
            wordOf(activation)));
    }
    return notices;
}

std::uint64_t dataOrderHash(const DataSource &source, int batches)
{
    std::uint64_t hash = 0;
    for (int i = 0; i < batches; ++i) {
        const Batch batch = source.training(i);
        for (std::size_t t = 0; t < batch.inputs.size(); ++t) {
            hash = mixKey(hash, static_cast<std::uint64_t>(batch.inputs[t]));
            hash = mixKey(hash, static_cast<std::uint64_t>(batch.targets[t]));
        }
    }
    return hash;
}

} // namespace sparsescope
