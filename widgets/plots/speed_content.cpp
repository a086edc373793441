#include "widgets/plots/speed_content.h"

#include "widgets/state/number_text.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sparsescope {
namespace {

constexpr char kCore[] = "attention core", kStep[] = "training step of ";

bool isCore(const MeasuredRow &row) { return row.op.starts_with(kCore); }

SpeedPart partOf(const std::string &op)
{
    if (op.starts_with("topk") || op == "decode_select") {
        return SpeedPart::Selection;
    }
    if (op.starts_with("index") || op == "decode_scores") {
        return SpeedPart::Indexer;
    }
    if (op.ends_with("backward")) {
        return SpeedPart::Backward;
    }
    const bool attends = op.find("attention") != std::string::npos || op == "gathered_decode";
    return attends ? SpeedPart::Attention : SpeedPart::Whole;
}

/// From the bottom up, as a bar is read: what is attended, then what it took to select.
int heightOf(SpeedPart part)
{
    constexpr SpeedPart kOrder[] = {SpeedPart::Attention, SpeedPart::Backward, SpeedPart::Indexer, SpeedPart::Selection,
                                    SpeedPart::Whole};
    return static_cast<int>(std::find(std::begin(kOrder), std::end(kOrder), part) - std::begin(kOrder));
}

/// The strongest of the others; the plain tensor path only where there is no other.
const MeasuredTiming *baselineOf(const MeasuredRow &row)
{
    const MeasuredTiming *found = nullptr;
    for (const MeasuredTiming &timing : row.timings) {
        const bool plain = timing.name == "aten";
        if (&timing == &row.timings.front() || (plain && found != nullptr)) {
            continue;
        }
        const bool better = found == nullptr || found->name == "aten" || timing.microseconds < found->microseconds;
        found = better ? &timing : found;
    }
    return found;
}

QString shapeText(const MeasuredRow &row)
{
    QString text = QStringLiteral("B %1  L %2").arg(row.batch).arg(countText(row.keys));
    if (row.queries != row.keys) {
        text = QStringLiteral("B %1  T %2  S %3").arg(row.batch).arg(countText(row.queries), countText(row.keys));
    }
    return row.k ? text + QStringLiteral("  k %1").arg(countText(*row.k)) : text;
}

/// Of a training step and of a layer what it is of, too: several stand beside one another.
QString labelOf(const MeasuredRow &row, const QString &title)
{
    if (row.op.starts_with(kStep)) {
        const QString text = title + QStringLiteral("  L ") + countText(row.keys);
        return row.width ? text + QStringLiteral("  V ") + countText(*row.width) : text;
    }
    if (row.op.ends_with(" with KL")) {
        return QStringLiteral("%1  %2 × %3")
            .arg(isCore(row) ? "Core" : "Block")
            .arg(row.batch)
            .arg(countText(row.keys));
    }
    return shapeText(row);
}

QString baselineTitle(const MeasuredTiming *baseline)
{
    if (baseline == nullptr) {
        return QStringLiteral("Nothing to stand against");
    }
    if (baseline->name == "torch.sdpa" || baseline->name == "torch.bmm") {
        return QStringLiteral("Dense attention");
    }
    if (baseline->name == "aten") {
        return QStringLiteral("Plain tensor operations");
    }
    return baseline->name == "eager" ? QStringLiteral("Eager") : QString::fromStdString(baseline->name);
}

} // namespace

bool SpeedPoint::right() const
{
    return whole->right &&
           std::all_of(pieces.begin(), pieces.end(), [](const SpeedPiece &piece) { return piece.row->right; });
}

std::optional<double> SpeedPoint::factor() const
{
    return baseline && right() ? std::optional(baseline->microseconds / ours()) : std::nullopt;
}

double SpeedContent::largestSpread() const
{
    double largest = 0;
    for (const SpeedPoint &point : points) {
        largest =
            std::max({largest, point.whole->timings.front().spread(), point.baseline ? point.baseline->spread() : 0});
    }
    return largest;
}

Work SpeedContent::baselineWork(const SpeedPoint &point) const
{
    if (!point.baseline) {
        return {};
    }
    if (point.baseline->flops && point.baseline->bytes) {
        return {*point.baseline->flops, *point.baseline->bytes};
    }
    return atLength() ? Work{} : Work{point.whole->flops, point.whole->bytes};
}

std::optional<double> Work::floor(const BenchDocument &document) const
{
    if (!(bytes > 0) || !document.bytesPerSecond || !document.flopsPerSecond) {
        return std::nullopt;
    }
    return 1e6 * std::max(bytes / *document.bytesPerSecond, flops / *document.flopsPerSecond);
}

SpeedContent speedContent(std::shared_ptr<const BenchDocument> document)
{
    SpeedContent content;
    content.document = std::move(document);
    const bool atLength = content.atLength();
    std::vector<SpeedPiece> waiting; // the parts stand before their whole
    for (const MeasuredRow &row : content.document->rows) {
        SpeedPiece piece{partOf(row.op), operationTitle(row.op), &row};
        if (atLength && !isCore(row)) {
            waiting.push_back(std::move(piece));
            continue;
        }
        SpeedPoint point;
        point.whole = &row;
        point.baseline = baselineOf(row);
        if (atLength) {
            point.label = contextText(row.keys);
            point.pieces = std::exchange(waiting, {});
        } else {
            point.label = labelOf(row, piece.title);
        }
        if (point.pieces.empty()) {
            point.pieces.push_back(std::move(piece));
        }
        std::stable_sort(point.pieces.begin(), point.pieces.end(),
                         [](const SpeedPiece &a, const SpeedPiece &b) { return heightOf(a.part) < heightOf(b.part); });
        content.points.push_back(std::move(point));
    }
    const SpeedPoint *first = content.points.empty() ? nullptr : &content.points.front();
    content.baselineTitle = baselineTitle(first ? first->baseline : nullptr);
    content.oursTitle =
        first && first->whole->timings.front().name == "captured" ? QStringLiteral("Captured") : QStringLiteral("Ours");
    return content;
}

QString operationTitle(const std::string &op)
{
    static const std::pair<const char *, const char *> kTitles[] = {
        {"topk_select", "Top-k selection"},
        {"index_scores", "Indexer scores"},
        {"index_scores_quantized", "Indexer scores in e4m3"},
        {"index_select", "Scores and selection"},
        {"masked_attention", "Masked attention"},
        {"masked_attention backward", "Masked attention, backward"},
        {"gathered_attention", "Sparse attention"},
        {"gathered_attention backward", "Sparse attention, backward"},
        {"index_kl with its gradients", "Indexer loss and gradients"},
        {"attention core with KL", "Attention core with KL"},
        {"transformer block with KL", "Transformer block with KL"},
        {"decode_scores", "Indexer scores, a new token"},
        {"decode_select", "Top-k selection, a new token"},
        {"gathered_decode", "Sparse attention, a new token"},
        {"attention core decode", "Attention core, decode"},
        {"attention core forward", "Attention core, forward"},
        {"attention core training", "Attention core, training"},
        {"training step of classic", "Classic"},
        {"training step of sparse", "DSA"},
        {"training step of mhla", "MHLA"},
        {"training step of mhla_sparse", "MHLA+DSA"},
    };
    for (const auto &[name, title] : kTitles) {
        if (op == name) {
            return QString::fromLatin1(title);
        }
    }
    return QString::fromStdString(op);
}

QString measurementTitle(const BenchDocument &document)
{
    QString title;
    if (!document.indexer.empty()) {
        title = QStringLiteral("Attention core, %1, indexer %2")
                    .arg(QString::fromStdString(document.direction),
                         QString::fromStdString(document.indexer)
                             .replace(QLatin1Char('x'), QStringLiteral(" × "))
                             .replace(QLatin1Char('-'), QStringLiteral(" in ")));
    } else if (document.subject == "step") {
        title = QStringLiteral("Training steps");
    } else if (document.subject == "layer") {
        title = QStringLiteral("A layer with KL");
    } else {
        title = operationTitle(document.rows.front().op);
    }
    return title + QStringLiteral(" · ") + QString::fromStdString(document.machine);
}

QString contextText(std::int64_t tokens)
{
    return tokens >= 1024 && tokens % 1024 == 0 ? QStringLiteral("%1K").arg(tokens / 1024) : countText(tokens);
}

QString timeText(double microseconds)
{
    if (microseconds >= 1e6) {
        return countText(std::llround(microseconds / 1000)) + QStringLiteral(" ms");
    }
    return microseconds < 1000 ? significantText(microseconds) + QStringLiteral(" µs")
                               : significantText(microseconds / 1000) + QStringLiteral(" ms");
}

QString factorText(double factor)
{
    return QStringLiteral("%1×").arg(factor, 0, 'f', factor < 0.995 ? 2 : factor < 99.5 ? 1 : 0);
}

QString rateText(const Work &work, double microseconds)
{
    if (work.flops > 0) {
        return significantText(work.flops / microseconds / 1e6) + QStringLiteral(" TFLOP/s");
    }
    return work.bytes > 0 ? significantText(work.bytes / microseconds / 1e6) + QStringLiteral(" TB/s") : unknownText();
}

nlohmann::ordered_json measurementContext(const BenchDocument &document)
{
    nlohmann::ordered_json context;
    context["measurement"] = document.file.filename().string();
    context["machine"] = document.machine;
    context["measured"] =
        document.measured.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(document.measured);
    context["subject"] = document.subject;
    context["indexer"] = document.indexer;
    context["direction"] = document.direction;
    context["rounds"] = document.rounds;
    return context;
}

QColor partColour(SpeedPart part, const Tokens &tokens)
{
    switch (part) {
    case SpeedPart::Attention:
        return tokens.dsa;
    case SpeedPart::Indexer:
        return tokens.classic;
    case SpeedPart::Selection:
        return tokens.mhlaSparse;
    case SpeedPart::Backward:
        return tokens.mhla;
    case SpeedPart::Whole:
        break;
    }
    return tokens.dsa;
}

QColor baselineColour(const Tokens &tokens) { return tokens.chance; }

} // namespace sparsescope
