#include "widgets/plots/indexer_heatmap.h"

#include "widgets/plots/colour_bar.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kLeft = 60, kBottom = 42, kTopPlain = 12;
constexpr double kColumnHeight = 64, kColumnGap = 8, kRowWidth = 50, kSideGap = 12;
constexpr double kNumbersFrom = 44; // pixels per cell from which cells show their value

} // namespace

IndexerHeatmap::IndexerHeatmap(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : HeatmapPlot(viewState, hoverState, parent)
{
    setObjectName(QStringLiteral("indexerHeatmap"));
    setAccessibleName(QStringLiteral("Map of the layer"));
    const auto part = [this](const char *name, const QString &words,
                             void (IndexerHeatmap::*paint)(QPainter &, const Frame &) const) {
        return new PaintedPart(
            name, words,
            [this, paint](QPainter &painter) {
                if (picture()) {
                    (this->*paint)(painter, screenFrame());
                }
            },
            this);
    };
    m_columnMargin =
        part("columnMargin", QStringLiteral("How often each key is chosen"), &IndexerHeatmap::paintColumns);
    m_rowMargin = part("rowMargin", QStringLiteral("Mass kept by each query"), &IndexerHeatmap::paintRows);
    m_colourBar = new PaintedPart(
        "colourBar", QStringLiteral("Colour bar"),
        [this](QPainter &painter) {
            if (picture()) {
                const Frame frame = screenFrame();
                paintColourBar(painter, barBox(frame), frame.level().scale, frame.tokens);
            }
        },
        this);
}

void IndexerHeatmap::setFamily(Family family)
{
    m_family = family;
    update();
}

bool IndexerHeatmap::hasMargins() const { return picture() && picture()->layer().hasSelection(); }

QMarginsF IndexerHeatmap::insets() const
{
    const double bar = kSideGap + kColourBarWidth + kColourBarLabelWidth;
    return hasMargins() ? QMarginsF(kLeft, kTopPlain + kColumnHeight + kColumnGap, kSideGap + kRowWidth + bar, kBottom)
                        : QMarginsF(kLeft, kTopPlain, bar, kBottom);
}

QRectF IndexerHeatmap::columnBox(const Frame &frame) const
{
    const QRectF seen = frame.seen();
    return {seen.left(), seen.top() - kColumnGap - kColumnHeight, seen.width(), kColumnHeight};
}

QRectF IndexerHeatmap::rowBox(const Frame &frame) const
{
    const QRectF seen = frame.seen();
    return {seen.right() + kSideGap, seen.top(), kRowWidth, seen.height()};
}

QRectF IndexerHeatmap::barBox(const Frame &frame) const
{
    const QRectF seen = frame.seen();
    const double left = seen.right() + kSideGap + (hasMargins() ? kRowWidth + kSideGap + 2 : 0);
    const double height = std::max(60.0, std::min(300.0, seen.height() - kColourBarFootHeight));
    return {left, seen.top(), kColourBarWidth, height};
}

void IndexerHeatmap::paintColumns(QPainter &painter, const Frame &frame) const
{
    paintColumnMargin(painter, columnBox(frame), frame.mapping, frame.cells(), frame.picture.columnShare, frame.tokens);
}

void IndexerHeatmap::paintRows(QPainter &painter, const Frame &frame) const
{
    if (frame.picture.metrics) {
        paintRowMargin(painter, rowBox(frame), frame.mapping, frame.cells(), frame.picture.metrics->massKeptByRow,
                       frame.picture.request.snapshot->topK, familyColour(m_family, frame.tokens), frame.tokens);
    }
}

void IndexerHeatmap::layoutChanged()
{
    const bool margins = hasMargins();
    m_columnMargin->setVisible(margins);
    m_rowMargin->setVisible(margins);
    m_colourBar->setVisible(picture() != nullptr);
    if (!picture()) {
        return;
    }
    const Frame frame = screenFrame();
    m_columnMargin->setGeometry(columnBox(frame).adjusted(-32, -8, 126, 3).toAlignedRect());
    m_rowMargin->setGeometry(rowBox(frame).adjusted(-24, -2, 24, kBottom).toAlignedRect());
    m_colourBar->setGeometry(
        barBox(frame).adjusted(-4, -9, kColourBarLabelWidth + 4, kColourBarFootHeight).toAlignedRect());
    m_columnMargin->update();
    m_rowMargin->update();
    m_colourBar->update();
}

void IndexerHeatmap::paintAround(QPainter &painter, const Frame &frame) const
{
    if (frame.onScreen) {
        return; // the parts paint themselves
    }
    if (frame.picture.mask) {
        paintColumns(painter, frame);
        paintRows(painter, frame);
    }
    paintColourBar(painter, barBox(frame), frame.level().scale, frame.tokens);
}

void IndexerHeatmap::paintOver(QPainter &painter, const Frame &frame) const
{
    if (viewState()->view().overlay) {
        paintMaskOverlay(painter, frame);
    }
    if (frame.picture.mask) {
        paintFaults(painter, frame);
    }
    if (frame.mapping.cell < kNumbersFrom) {
        return;
    }
    const QRect cells = visibleCells(frame.mapping, frame.viewport, frame.cells());
    painter.setFont(monoFont(11));
    for (int t = cells.top(); t <= cells.bottom(); ++t) {
        for (int s = cells.left(); s <= std::min(t, cells.right()); ++s) {
            const float value = frame.picture.values->at(t, s);
            const QColor ground = QColor::fromRgb(frame.levels.front().image.pixel(s, t));
            painter.setPen(ground.lightnessF() > 0.5 ? QColor(Qt::black) : QColor(Qt::white));
            painter.drawText(cellRect(t, s, frame.mapping), Qt::AlignCenter, QString::number(value, 'g', 3));
        }
    }
}

std::vector<MapLevel> IndexerHeatmap::levelsFor(const LayerPicture &picture, const Tokens &tokens) const
{
    return mapLevels(*picture.values, picture.reducer, picture.scale, tokens);
}

QString IndexerHeatmap::titleOf(const LayerPicture &picture) const
{
    return mapTitle(picture.request.kind, picture.request.head);
}

std::vector<std::pair<QString, QString>> IndexerHeatmap::tooltip(int query, int key) const
{
    std::vector<std::pair<QString, QString>> lines;
    lines.emplace_back(QStringLiteral("Query"), QStringLiteral("%1  %2").arg(query).arg(tokenText(query)));
    if (key > query) {
        lines.emplace_back(QStringLiteral("Key"), QStringLiteral("%1  future").arg(key));
        return lines;
    }
    lines.emplace_back(QStringLiteral("Key"),
                       QStringLiteral("%1  %2  %3 back").arg(key).arg(tokenText(key)).arg(query - key));
    const MapRequest &request = picture()->request;
    const QString value =
        QString::number(picture()->values->at(query, key), 'f', request.kind == MapKind::Attention ? 4 : 3)
            .replace(QLatin1Char('-'), QChar(0x2212));
    const char *label = request.kind == MapKind::Attention   ? "Weight"
                        : request.kind == MapKind::IndexTerm ? "Term"
                                                             : "Score";
    lines.emplace_back(QLatin1String(label), value);
    if (picture()->mask) {
        lines.emplace_back(QStringLiteral("State"), stateText(picture()->mask->at(query, key)));
    }
    if (const RowAnswer *row = rowOf(query)) {
        if (const int rank = row->rankOf(key)) {
            lines.emplace_back(QStringLiteral("Rank"), QStringLiteral("%1 of %2").arg(rank).arg(query + 1));
        }
        if (key < static_cast<int>(row->row.attention.size())) {
            lines.emplace_back(QStringLiteral("Dense attention"),
                               QString::number(row->row.attention[static_cast<std::size_t>(key)], 'f', 4));
        }
    }
    return lines;
}

QString IndexerHeatmap::csv() const
{
    QString text = QStringLiteral("t,s,value\n");
    if (!picture()) {
        return text;
    }
    const Map &map = *picture()->values;
    for (int t = 0; t < map.rows; ++t) {
        for (int s = 0; s < map.columns; ++s) {
            if (!std::isnan(map.at(t, s))) {
                text += QStringLiteral("%1,%2,%3\n").arg(t).arg(s).arg(csvNumber(map.at(t, s)));
            }
        }
    }
    return text;
}

nlohmann::ordered_json IndexerHeatmap::exportContext() const
{
    nlohmann::ordered_json context = HeatmapPlot::exportContext();
    if (picture()) {
        context["scale"] = picture()->scale.logarithmic ? "log" : "linear";
        context["low"] = picture()->scale.low;
        context["high"] = picture()->scale.high;
    }
    return context;
}

} // namespace sparsescope
