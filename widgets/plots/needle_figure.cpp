#include "widgets/plots/needle_figure.h"

#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/base/stored_summary.h"
#include "widgets/plots/headline.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/colour_maps.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"

#include <QPainter>

#include <algorithm>
#include <cmath>
#include <set>

namespace sparsescope {
namespace {

constexpr double kSide = 28, kTop = 122, kLength = 64, kCell = 34, kRow = 26, kAll = 168, kHead = 44, kFoot = 34,
                 kGap = 28, kKey = 40;
constexpr std::size_t kColumns = 2;

const ColourScale kShares{ColourMapName::Cividis, false, 0, 1};

/// Black or white, whichever is read better on this ground: 4.5 : 1 at least (WCAG 2.1, relative luminance).
QColor ink(const QColor &ground)
{
    const auto linear = [](double part) {
        return part <= 0.03928 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
    };
    const double light =
        0.2126 * linear(ground.redF()) + 0.7152 * linear(ground.greenF()) + 0.0722 * linear(ground.blueF());
    constexpr double kEqual = 0.179; // where both have the same contrast
    return light > kEqual ? QColor(Qt::black) : QColor(Qt::white);
}

QString percent(double share) { return QString::number(100 * share, 'f', share > 0.0005 && share < 0.1 ? 1 : 0); }

double shareOf(const NeedleDepth &depth)
{
    return static_cast<double>(depth.exact) / static_cast<double>(depth.answers);
}

} // namespace

NeedleFigure::NeedleFigure(std::vector<NeedleTable> tables, std::string experiment, std::string question)
    : m_tables(std::move(tables))
    , m_experiment(std::move(experiment))
    , m_question(std::move(question))
    , m_panels(needlePanels(m_tables))
{
    std::erase_if(m_panels, [](const NeedlePanel &panel) { return panel.rows.empty(); });
    std::set<std::int64_t> lengths;
    for (const NeedlePanel &panel : m_panels) {
        for (const NeedlePanelRow &row : panel.rows) {
            lengths.insert(row.length);
            m_depths = std::max(m_depths, row.depths.size());
        }
    }
    m_lengths.assign(lengths.begin(), lengths.end());
}

QString NeedleFigure::figureTitle() const { return QStringLiteral("Needles, ") + QString::fromStdString(m_experiment); }

QRectF NeedleFigure::boxOf(std::size_t panel) const
{
    const double width = kLength + kCell * static_cast<double>(m_depths) + kAll;
    const double height = kHead + kRow * static_cast<double>(m_lengths.size()) + kFoot;
    return {kSide + static_cast<double>(panel % kColumns) * (width + kGap),
            kTop + static_cast<double>(panel / kColumns) * (height + kGap), width, height};
}

QSizeF NeedleFigure::figureSize() const
{
    const std::size_t across = std::clamp<std::size_t>(m_panels.size(), 1, kColumns);
    const QRectF corner = boxOf(across - 1), last = boxOf(m_panels.empty() ? 0 : m_panels.size() - 1);
    return {std::max(720.0, corner.right() + kSide), last.bottom() + kKey};
}

void NeedleFigure::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    const int room = static_cast<int>(size.width() - 2 * kSide);
    paintHeadline(painter, size, kSide, QString::fromStdString(m_question.empty() ? m_experiment : m_question), t);
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    std::set<std::uint64_t> seeds;
    for (const NeedleTable &table : m_tables) {
        seeds.insert(table.seed);
    }
    const NeedleTable &first = m_tables.front();
    painter.drawText(QRectF(kSide, 48, room, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("%1  ·  trained at %2 tokens  ·  %3  ·  %4 haystack")
                         .arg(QString::fromStdString(m_experiment), countText(first.trainedLength),
                              seeds.size() == 1 ? QStringLiteral("one seed")
                                                : QStringLiteral("%1 seeds, all asked the same").arg(seeds.size()),
                              QString::fromStdString(first.haystack)));
    painter.drawText(
        QRectF(kSide, 66, room, 18), Qt::AlignLeft | Qt::AlignVCenter,
        QStringLiteral("Answers with every token right, %; blind guessing %1. At the right over all depths, "
                       "with the 95 % interval;")
            .arg(significantText(100 * first.exactChance, 2)));
    painter.drawText(QRectF(kSide, 84, room, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("found: the place to copy from was among the selected keys, in the best layer, %"));
    for (std::size_t i = 0; i < m_panels.size(); ++i) {
        paintPanel(painter, boxOf(i), m_panels[i], t);
    }
    paintScale(painter, QRectF(kSide, size.height() - kKey + 4, 180, 12), t);
}

void NeedleFigure::paintPanel(QPainter &painter, const QRectF &box, const NeedlePanel &panel, const Tokens &t) const
{
    const double cells = box.left() + kLength, all = cells + kCell * static_cast<double>(m_depths) + 10;
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), box.top(), box.width(), 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QString::fromStdString(panel.title));
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    painter.drawText(QRectF(box.left(), box.top() + 22, kLength - 8, 18), Qt::AlignRight | Qt::AlignVCenter,
                     QStringLiteral("Length"));
    painter.drawText(QRectF(cells, box.top() + 22, all - cells, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("Depth of the key"));
    painter.drawText(QRectF(all, box.top() + 22, kAll, 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("All depths"));
    const ColourTable &colours = colourTable(kShares.map);
    for (const NeedlePanelRow &row : panel.rows) {
        const auto line = std::find(m_lengths.begin(), m_lengths.end(), row.length) - m_lengths.begin();
        const double top = box.top() + kHead + kRow * static_cast<double>(line);
        painter.setFont(monoFont(11));
        painter.setPen(t.text);
        painter.drawText(QRectF(box.left(), top, kLength - 8, kRow), Qt::AlignRight | Qt::AlignVCenter,
                         countText(row.length));
        for (std::size_t depth = 0; depth < row.depths.size(); ++depth) {
            if (row.depths[depth].answers == 0) {
                continue;
            }
            const double share = shareOf(row.depths[depth]);
            const QRectF cell(cells + kCell * static_cast<double>(depth), top, kCell - 1, kRow - 1);
            const QColor ground = QColor::fromRgb(colours[static_cast<std::size_t>(kShares.index(share))]);
            painter.fillRect(cell, ground);
            painter.setPen(ink(ground));
            painter.drawText(cell, Qt::AlignCenter, percent(share));
        }
        const Interval ci95 = row.interval();
        QString words = QStringLiteral("%1 [%2, %3]").arg(percent(row.share()), percent(ci95.low), percent(ci95.high));
        if (const auto found = meanOf(row.foundBest)) {
            words += QStringLiteral("  %1 found").arg(percent(*found));
        }
        painter.setPen(t.text);
        painter.drawText(QRectF(all, top, kAll, kRow), Qt::AlignLeft | Qt::AlignVCenter, words);
    }
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    const double bottom = box.bottom() - kFoot + 4, width = kCell * static_cast<double>(m_depths);
    painter.drawText(QRectF(cells, bottom, width, 16), Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("beginning"));
    painter.drawText(QRectF(cells, bottom, width, 16), Qt::AlignRight | Qt::AlignVCenter, QStringLiteral("end"));
}

void NeedleFigure::paintScale(QPainter &painter, const QRectF &box, const Tokens &t) const
{
    const ColourTable &colours = colourTable(kShares.map);
    for (std::size_t i = 0; i < colours.size(); ++i) {
        const double step = box.width() / static_cast<double>(colours.size());
        painter.fillRect(QRectF(box.left() + step * static_cast<double>(i), box.top(), step + 0.5, box.height()),
                         QColor::fromRgb(colours[i]));
    }
    painter.setFont(uiFont(11));
    painter.setPen(t.text2);
    for (const double share : {0.0, 0.5, 1.0}) {
        painter.drawText(QRectF(box.left() + share * box.width() - 30, box.bottom() + 2, 60, 16), Qt::AlignCenter,
                         QStringLiteral("%1 %").arg(100 * share));
    }
}

QString NeedleFigure::csv() const
{
    QString text = QStringLiteral("panel,length,top_k,depth,answers,exact,share,low,high\n");
    for (const NeedlePanel &panel : m_panels) {
        for (const NeedlePanelRow &row : panel.rows) {
            for (std::size_t depth = 0; depth < row.depths.size(); ++depth) {
                const NeedleDepth &part = row.depths[depth];
                if (part.answers == 0) {
                    continue;
                }
                const Interval ci95 =
                    wilsonInterval(static_cast<double>(part.exact), static_cast<double>(part.answers));
                text += QStringLiteral("\"%1\",%2,%3,%4,%5,%6,%7,%8,%9\n")
                            .arg(QString::fromStdString(panel.title))
                            .arg(row.length)
                            .arg(row.topK > 0 ? QString::number(row.topK) : QString())
                            .arg(depth)
                            .arg(part.answers)
                            .arg(part.exact)
                            .arg(csvNumber(shareOf(part)), csvNumber(ci95.low), csvNumber(ci95.high));
            }
        }
    }
    return text;
}

nlohmann::ordered_json NeedleFigure::exportContext() const
{
    nlohmann::ordered_json context;
    context["figure"] = "needle";
    context["experiment"] = m_experiment;
    context["question"] = m_question;
    context["runs"] = nlohmann::ordered_json::array();
    for (const NeedleTable &table : m_tables) {
        context["runs"].push_back({{"run", table.run},
                                   {"step", table.step},
                                   {"trained_length", table.trainedLength},
                                   {"device", table.device},
                                   {"precision", table.precision}});
    }
    return context;
}

namespace {

NeedleFigure figureOf(std::vector<NeedleTable> tables, const std::filesystem::path &folder,
                      const std::string &experiment, const std::string &question)
{
    const bool answered = std::any_of(tables.begin(), tables.end(), [](const NeedleTable &table) {
        return std::any_of(table.rows.begin(), table.rows.end(),
                           [](const NeedleRow &row) { return row.answers() > 0; });
    });
    if (!answered) {
        throw Failure({"not asked for needles in longer haystacks", folder.string(), "", "",
                       "Run sparsescope-cli needle on the folder of the experiment first."});
    }
    return {std::move(tables), experiment, question};
}

} // namespace

NeedleFigure needleFigureOf(const std::vector<RunData *> &runs, const RunData &like)
{
    std::vector<NeedleTable> tables;
    for (const RunData *run : runs) {
        if (const auto stored = RunReader(run->folder()).value(kNeedleKey)) {
            const auto document = nlohmann::ordered_json::parse(*stored, nullptr, false);
            tables.push_back(needleFromJson(document, (run->folder() / "run.sqlite").string()));
        }
    }
    return figureOf(std::move(tables), like.experimentFolder(), like.config().experiment, like.config().question);
}

NeedleFigure needleFigureOf(const StoredSummary &summary)
{
    return figureOf(summary.needles, summary.folder, summary.experiment, summary.question);
}

} // namespace sparsescope
