#include "core/experiment/claims/claims.h"

#include "core/base/safetensors.h"
#include "core/experiment/claims/claim_rules.h"
#include "core/experiment/claims/claims_text.h"
#include "core/experiment/claims/found_results.h"

#include <set>

namespace fs = std::filesystem;

namespace sparsescope {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kClaimsSchema = 1;

template <class Value>
Json listOf(const std::set<Value> &values)
{
    Json list = Json::array();
    for (const Value &value : values)
        list.push_back(value);
    return list;
}

Json rowOf(const Claim &claim, const ClaimFinding &finding)
{
    Json measured = Json::array();
    for (const Evidence &one : finding.evidence)
        measured.push_back({{"support", toString(one.support)}, {"text", one.text}, {"sources", one.sources}});
    return {{"id", claim.id},
            {"claim", claim.claim},
            {"claimed", claim.claimed},
            {"judged", claim.judged},
            {"verdict", toString(finding.verdict)},
            {"because", finding.because.empty() ? Json() : Json(finding.because)},
            {"measured", measured},
            {"seeds", listOf(finding.made.seeds)},
            {"steps", listOf(finding.made.steps)},
            {"parameters", listOf(finding.made.parameters)},
            {"models", listOf(finding.made.models)},
            {"data", listOf(finding.made.data)},
            {"cards", listOf(finding.made.cards)},
            {"kinds", listOf(finding.made.kinds)}};
}

} // namespace

const std::vector<Claim> &claims()
{
    using namespace rules;
    static const std::vector<Claim> all = {
        {1, "Sparse attention beats Classic", "by 139 to 302 % at L = 64, 128, 256",
         "the loss of DSA is better at every one of these lengths, by whatever amount", sparseBeatsClassic},
        {2, "The gain of sparse attention grows with the length", "139 % at 64 to 302 % at 256",
         "the difference to Classic in nats is better at L 256 than at L 64", gainGrowsWithLength},
        {3, "Sparse attention predicts far more tokens right at L = 256", "68.4 % against 7.6 %",
         "the accuracies are 60.8 points apart or more", accuracyAt256},
        {4, "Sparse attention takes the same time per step", "equal",
         "a DSA step takes 0.95 to 1.05 times a Classic one at the study's vocabulary and L = 64, 128, 256",
         sameTimePerStep},
        {5, "The gain is regularisation", "a smaller gap between training and validation",
         "there is a gain at L 256, and the gap between validation and training loss is smaller with DSA",
         gainIsRegularisation},
        {6, "On MHLA, selection helps at L = 64", "12 % better", "the loss of MHLA+DSA is better", mhlaGainsAt64},
        {7, "On MHLA, selection makes no difference at L = 128 to 256", "no difference",
         "the losses differ by less than 0.02 nats, interval and all", mhlaEqualAt128To256},
        {8, "On MHLA, selection hurts at L = 1024", "41 % worse", "the loss of MHLA+DSA is worse", mhlaLosesAt1024},
        {9, "On MHLA, selection is equal at L = 2048", "equal",
         "the losses differ by less than 0.02 nats, interval and all", mhlaEqualAt2048},
        {10, "MHLA alone is optimal: compressing and selecting hurts", "double compression hurts",
         "MHLA is better than Classic, and MHLA+DSA worse than MHLA, at every length", mhlaAloneIsOptimal},
        {11, "Selection adds few parameters", "+1.3 %; elsewhere about 5 %, about 40 thousand",
         "the indexers add 1.3 %, to the rounding, at the study's vocabulary", parametersAdded},
        {12, "At k = L/2 sparse attention is within 1 % of dense", "loss within 5 %, accuracy above 98 % of dense",
         "the interval of the loss lies within 1 % of Classic's, and that of the accuracy above 0.98 of Classic's",
         withinOnePercentOfDense},
        {13, "Sparse attention is faster and smaller", "1.4 to 1.7 times, 20 to 30 % less memory",
         "every step timed is 1.4 times as fast with a fifth less memory; it does not where none is", fasterAndSmaller},
        {14, "Warm-up of the indexer is critical", "critical",
         "warming up is better than not, on a task and on text, also on random frozen weights, and training the "
         "indexer "
         "without a stage of its own is worse",
         warmupIsCritical},
        {15, "An indexer can be warmed up by entropy or diversity", "works", "such a warm-up does as well as KL",
         otherWarmupObjectives},
        {16, "Four indexer heads suffice", "4", "8 and 16 heads are not better than 4 where k = L/8", fourHeadsSuffice},
        {17, "Sparse attention is robust to hyperparameters", "robust",
         "no swept value of rate, experts, indexer heads and width moves the loss of DSA by more than 0.02 nats",
         robustToHyperparameters},
        {18, "What is selected is structured",
         "heads differ; local plus few distant keys; adapts per layer; stable over training",
         "look-back and churn lie below those of random keys, neighbouring layers share less than half of their keys, "
         "and "
         "the heads of an indexer differ",
         patternsOfSelection},
        {19, "Selection looks back a little and covers most keys", "look-back 15 +- 8 tokens, coverage 85 %",
         "at k = L/2 and L = 64, 128, 256 the look-back lies between 7 and 23 tokens and the coverage between 80 and "
         "90 %",
         lookBackAndCoverage},
        {20, "Sparse attention is much faster at long context", "2.5, 5.1, 10.3 times at 32K, 64K, 128K",
         "attention with its selection is as much faster than dense at each length", speedAtLongContext},
        {21, "Memory grows with n k, and 128K tokens train on a consumer card", "O(nk); 24 GB",
         "a training step at 131,072 tokens takes 24 GB or less, and from shorter ones to it the memory grows at one k "
         "with "
         "an exponent of n of 1.1 or less",
         memoryAt128K},
        {22, "Selection costs O(n log k)", "O(n log k)",
         "the time of selecting for a whole sequence grows with an exponent of n below 1.5", selectionIsLinear},
        {23, "Each head may attend to a subset of its own", "each head",
         "the heads of a layer have selections of their own", headsSelectForThemselves},
        {24, "MLA cuts the KV cache", "10 to 16 times", "the cache of a token is 10 to 16 times smaller", kvCacheOfMla},
        {25, "The needle is found at 128K tokens", "99.7 %",
         "99.7 % of the answers or more are exact at 131,072 tokens", needleAt128K},
        {26, "Questions about long documents are answered as by dense attention", "within 2 %",
         "the accuracy is at most 2 points below Classic's at 8,192 tokens or more", documentQuestions},
        {27, "Code-like long-range recall is kept", "kept",
         "brackets are matched with an accuracy at most 1 point below Classic's at 1,024 tokens or more",
         longRangeRecall},
        {28, "ReLU suffices in the indexer", "a learned activation helps or does not",
         "neither a learned activation (prelu, a slope for each indexer head) nor gelu or silu is better where k = L/8",
         reluSuffices},
    };
    return all;
}

Json judgeClaims(const fs::path &root)
{
    const FoundResults found = findResults(root);
    Json document = {{"schema", kClaimsSchema}, {"claims", Json::array()}, {"counts", Json::object()}};
    for (const ClaimVerdict verdict :
         {ClaimVerdict::Holds, ClaimVerdict::DoesNotHold, ClaimVerdict::NotClear, ClaimVerdict::NotMeasured})
        document["counts"][toString(verdict)] = 0;
    for (const Claim &claim : claims()) {
        const ClaimFinding finding = claim.measure(found);
        document["claims"].push_back(rowOf(claim, finding));
        Json &count = document["counts"][toString(finding.verdict)];
        count = count.get<int>() + 1;
    }
    document["not_kept"] = Json::array();
    for (const ExperimentResults &one : found.experiments) {
        if (!one.notKept.empty())
            document["not_kept"].push_back({{"results", one.folder.string()}, {"text", one.notKept}});
    }
    document["problems"] = found.problems;
    return document;
}

Json writeClaims(const fs::path &root)
{
    const Json document = judgeClaims(root);
    const auto replace = Json::error_handler_t::replace; // messages may quote damaged text
    writeFileAtomically(root / "claims.json", document.dump(2, ' ', false, replace) + "\n");
    writeFileAtomically(root / "claims.csv", claimsCsv(document));
    writeFileAtomically(root / "CLAIMS.md", claimsMarkdown(document));
    return document;
}

} // namespace sparsescope
