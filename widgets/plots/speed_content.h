#pragma once

#include "core/base/bench_document.h"
#include "widgets/style/tokens.h"

#include <nlohmann/json.hpp>

#include <QColor>
#include <QString>

#include <memory>
#include <optional>
#include <vector>

namespace sparsescope {

/// What a part of a sparse layer is; decides its colour.
enum class SpeedPart { Whole, Attention, Indexer, Selection, Backward };

/// A stretch of the bar of ours.
struct SpeedPiece {
    SpeedPart part = SpeedPart::Whole;
    QString title;
    const MeasuredRow *row = nullptr; ///< of the document
    double microseconds() const { return row->timings.front().microseconds; }
};

/// One context length, or one shape: the baseline and ours.
struct SpeedPoint {
    QString label;                            ///< "64K", "B 8  L 2,048  k 1,024"
    const MeasuredRow *whole = nullptr;       ///< ours is its first timing
    const MeasuredTiming *baseline = nullptr; ///< absent: nothing to stand against
    std::vector<SpeedPiece> pieces;           ///< from the bottom up; at least one

    bool right() const;
    double ours() const { return whole->timings.front().microseconds; }
    /// How many times faster than the baseline; below 1: slower.
    std::optional<double> factor() const;
};

/// What a candidate does and moves.
struct Work {
    double flops = 0, bytes = 0; ///< both 0: not known
    /// Its floor on the machine of the document, in microseconds.
    std::optional<double> floor(const BenchDocument &document) const;
};

/// A stored measurement, ordered for the Speed page. Points refer to rows of `document`.
struct SpeedContent {
    std::shared_ptr<const BenchDocument> document;
    std::vector<SpeedPoint> points;
    QString baselineTitle; ///< "Dense attention", "torch.topk", "Eager"
    QString oursTitle;     ///< "Sparse attention", "Ours", "Captured"

    bool atLength() const { return !document->indexer.empty(); } ///< a layer's core, in parts, by context
    double largestSpread() const;
    /// A dense core does another work than the parts' sum, which the file tells only where it is newer.
    Work baselineWork(const SpeedPoint &point) const;
};

SpeedContent speedContent(std::shared_ptr<const BenchDocument> document);

/// "Attention core forward, indexer 4 × 64 · NVIDIA H100 80GB HBM3".
QString measurementTitle(const BenchDocument &document);
/// "topk_select" as words: "Top-k selection".
QString operationTitle(const std::string &op);
/// "4K" from 1,024 on, "512".
QString contextText(std::int64_t tokens);
/// "297 ms", "12.3 µs".
QString timeText(double microseconds);
/// "3.2×", "0.38×".
QString factorText(double factor);
/// "591 TFLOP/s", or where nothing is multiplied "3.40 TB/s".
QString rateText(const Work &work, double microseconds);

/// What stands beside an exported table of it: file, machine, date, what was measured.
nlohmann::ordered_json measurementContext(const BenchDocument &document);

QColor partColour(SpeedPart part, const Tokens &tokens);
QColor baselineColour(const Tokens &tokens);

} // namespace sparsescope
