#include "widgets/plots/counterfactual_figure.h"

#include "core/base/error.h"
#include "core/base/run_store.h"
#include "core/base/stored_summary.h"
#include "widgets/plots/headline.h"
#include "widgets/state/compare_sides.h"
#include "widgets/state/number_text.h"
#include "widgets/state/run_data.h"
#include "widgets/style/figure_export.h"
#include "widgets/style/fonts.h"

#include <QPainter>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

namespace sparsescope {
namespace {

constexpr double kSide = 28, kTop = 112, kTitles = 118, kColumn = 236, kGap = 20, kRow = 28, kAxis = 44, kWords = 52;
constexpr double kBetween = 26; ///< blocks; the k stand there
constexpr double kDot = 3.5;

QString valueText(double value, bool exact) { return exact ? shareText(value) : signedText(value); }

QColor colourOf(const std::string &selector, const Tokens &t)
{
    if (selector.empty()) {
        return t.classic;
    }
    return selector == "lightning" || selector == "top-p" ? t.dsa : t.text2;
}

} // namespace

CounterfactualFigure::CounterfactualFigure(std::vector<Counterfactual> tables, std::string experiment,
                                           std::string group, std::string question)
    : m_tables(std::move(tables))
    , m_experiment(std::move(experiment))
    , m_group(std::move(group))
    , m_question(std::move(question))
    , m_exact(m_tables.front().denseExact.has_value())
    , m_lines{{"", QStringLiteral("Dense attention")}}
{
    std::map<int, std::set<std::int64_t>> topK;
    std::set<std::string> seen;
    double largest = 0;
    for (const Counterfactual &table : m_tables) {
        for (const CounterfactualRow &row : table.rows) {
            topK[table.length].insert(row.topK);
            largest = std::max(largest, row.increase);
            if (seen.insert(row.selector).second) {
                m_lines.push_back({row.selector, QString::fromStdString(row.title)});
            }
        }
    }
    for (const auto &[length, values] : topK) {
        Block block{length, {}, {values.begin(), values.end()}};
        for (const Counterfactual &table : m_tables) {
            if (table.length == length) {
                block.tables.push_back(&table);
            }
        }
        m_blocks.push_back(std::move(block));
    }
    if (!m_exact && largest > 0) {
        const double digit = std::pow(10, std::floor(std::log10(largest)));
        m_full = std::ceil(largest / digit) * digit;
    }
}

std::optional<double> CounterfactualFigure::valueOf(const Counterfactual &table, const Line &line,
                                                    std::int64_t topK) const
{
    if (line.selector.empty()) {
        return m_exact ? table.denseExact : std::optional(0.0);
    }
    const CounterfactualRow *row = table.at(line.selector, topK);
    if (!row) {
        return std::nullopt;
    }
    return m_exact ? row->exact : std::optional(row->increase);
}

std::vector<double> CounterfactualFigure::valuesOf(const Block &block, const Line &line, std::int64_t topK) const
{
    std::vector<double> values;
    for (const Counterfactual *table : block.tables) {
        if (const auto value = valueOf(*table, line, topK)) {
            values.push_back(*value);
        }
    }
    return values;
}

QString CounterfactualFigure::figureTitle() const
{
    return QStringLiteral("Selectors, ") + QString::fromStdString(m_experiment);
}

double CounterfactualFigure::blockHeight() const { return kRow * static_cast<double>(m_lines.size()) + kAxis; }

QSizeF CounterfactualFigure::figureSize() const
{
    std::size_t most = 0;
    for (const Block &block : m_blocks) {
        most = std::max(most, block.topK.size());
    }
    const double columns = static_cast<double>(most), blocks = static_cast<double>(m_blocks.size());
    return {std::max(720.0, 2 * kSide + kTitles + columns * kColumn + (columns - 1) * kGap),
            kTop + blocks * blockHeight() + (blocks - 1) * kBetween + 20};
}

QString CounterfactualFigure::axisText() const
{
    return m_exact ? QStringLiteral("Share of the answers with every token right")
                   : QStringLiteral("Loss over the dense attention of the same weights (nats per token)");
}

void CounterfactualFigure::paintFigure(QPainter &painter, QSizeF size, const Tokens &t) const
{
    const int room = static_cast<int>(size.width() - 2 * kSide);
    paintHeadline(painter, size, kSide, QString::fromStdString(m_question.empty() ? m_experiment : m_question), t);
    painter.setFont(uiFont(12));
    painter.setPen(t.text2);
    const auto most = std::max_element(m_blocks.begin(), m_blocks.end(), [](const Block &one, const Block &other) {
        return one.tables.size() < other.tables.size();
    });
    const std::size_t count = most == m_blocks.end() ? m_tables.size() : most->tables.size();
    const QString runs = count == 1 ? QStringLiteral("one run, a dot")
                                    : QStringLiteral("%1 runs%2, a dot each; the bar and the number are their mean")
                                          .arg(count)
                                          .arg(m_blocks.size() > 1 ? QStringLiteral(" a length") : QString());
    painter.drawText(
        QRectF(kSide, 48, room, 18), Qt::AlignLeft | Qt::AlignVCenter,
        QString::fromStdString(m_experiment) + QStringLiteral("  ·  ") + QString::fromStdString(m_group) +
            (m_blocks.size() == 1 ? QStringLiteral(", L = ") + countText(m_blocks.front().length) : QString()) +
            QStringLiteral("  ·  frozen weights, only the selection is swapped  ·  ") + runs);
    QString axis = axisText();
    if (m_exact && m_tables.front().exactChance) {
        axis += QStringLiteral(". Dashed: guessing, ") + significantText(m_tables.front().exactChance, 2);
    }
    painter.drawText(QRectF(kSide, 66, room, 18), Qt::AlignLeft | Qt::AlignVCenter, axis);

    double top = kTop;
    for (const Block &block : m_blocks) {
        if (m_blocks.size() > 1) {
            painter.setFont(uiFont(13, QFont::DemiBold));
            painter.setPen(t.text);
            painter.drawText(QRectF(kSide, top - 22, kTitles - 8, 18), Qt::AlignLeft | Qt::AlignVCenter,
                             QStringLiteral("L = %1").arg(countText(block.length)));
        }
        painter.setFont(uiFont(12));
        for (std::size_t i = 0; i < m_lines.size(); ++i) {
            painter.setPen(t.text);
            painter.drawText(QRectF(kSide, top + kRow * static_cast<double>(i), kTitles - 8, kRow),
                             Qt::AlignLeft | Qt::AlignVCenter, m_lines[i].title);
        }
        for (std::size_t i = 0; i < block.topK.size(); ++i) {
            const double left = kSide + kTitles + static_cast<double>(i) * (kColumn + kGap);
            paintColumn(painter, QRectF(left, top, kColumn, kRow * static_cast<double>(m_lines.size())), block,
                        block.topK[i], t);
        }
        top += blockHeight() + kBetween;
    }
}

void CounterfactualFigure::paintColumn(QPainter &painter, const QRectF &box, const Block &block, std::int64_t topK,
                                       const Tokens &t) const
{
    const double width = box.width() - kWords;
    const auto x = [&](double value) { return box.left() + width * std::clamp(value / m_full, 0.0, 1.0); };
    painter.setFont(uiFont(13, QFont::DemiBold));
    painter.setPen(t.text);
    painter.drawText(QRectF(box.left(), box.top() - 22, box.width(), 18), Qt::AlignLeft | Qt::AlignVCenter,
                     QStringLiteral("k = %1").arg(topK));
    painter.setFont(uiFont(11));
    for (const double share : {0.0, 0.5, 1.0}) {
        const double at = x(share * m_full);
        painter.setPen(QPen(t.grid, 1));
        painter.drawLine(QPointF(at, box.top()), QPointF(at, box.bottom()));
        painter.setPen(t.text2);
        painter.drawText(QRectF(at - 30, box.bottom() + 4, 60, 16), Qt::AlignHCenter | Qt::AlignVCenter,
                         QString::number(share * m_full, 'g', 3));
    }
    if (m_exact && m_tables.front().exactChance) {
        painter.setPen(QPen(t.chance, 1.3, Qt::DashLine));
        painter.drawLine(QPointF(x(*m_tables.front().exactChance), box.top()),
                         QPointF(x(*m_tables.front().exactChance), box.bottom()));
    }
    painter.setFont(monoFont(11));
    for (std::size_t i = 0; i < m_lines.size(); ++i) {
        const std::vector<double> values = valuesOf(block, m_lines[i], topK);
        const auto mean = meanOf(values);
        if (!mean) {
            continue;
        }
        const double middle = box.top() + kRow * (static_cast<double>(i) + 0.5);
        const QColor colour = colourOf(m_lines[i].selector, t);
        QColor faint = colour;
        faint.setAlphaF(0.25f);
        painter.fillRect(QRectF(box.left(), middle - 5, x(*mean) - box.left(), 10), faint);
        painter.setPen(QPen(t.panel, 1));
        painter.setBrush(colour);
        for (const double value : values) {
            painter.drawEllipse(QPointF(x(value), middle), kDot, kDot);
        }
        painter.setPen(t.text);
        painter.drawText(QRectF(box.left() + width + 8, middle - kRow / 2, kWords - 8, kRow),
                         Qt::AlignLeft | Qt::AlignVCenter, valueText(*mean, m_exact));
    }
}

QString CounterfactualFigure::csv() const
{
    QString text =
        QStringLiteral("run,selector,top_k,%1\n").arg(QLatin1String(m_exact ? "exact_answers" : "loss_over_dense"));
    for (const Block &block : m_blocks) {
        for (const std::int64_t k : block.topK) {
            for (const Line &line : m_lines) {
                for (const Counterfactual *table : block.tables) {
                    if (const auto value = valueOf(*table, line, k)) {
                        text += QStringLiteral("%1,%2,%3,%4\n")
                                    .arg(QString::fromStdString(table->run),
                                         QString::fromStdString(line.selector.empty() ? "dense" : line.selector))
                                    .arg(k)
                                    .arg(csvNumber(*value));
                    }
                }
            }
        }
    }
    return text;
}

nlohmann::ordered_json CounterfactualFigure::exportContext() const
{
    nlohmann::ordered_json context;
    context["figure"] = "selectors";
    context["experiment"] = m_experiment;
    context["group"] = m_group;
    context["question"] = m_question;
    context["runs"] = nlohmann::ordered_json::array();
    for (const Counterfactual &table : m_tables) {
        context["runs"].push_back({{"run", table.run}, {"step", table.step}, {"indexer", table.indexer}});
    }
    return context;
}

namespace {

/// "seq_128/sparse/seed_0/recipe_joint" -> "sparse/recipe_joint".
std::string groupOf(const std::string &run)
{
    std::string group;
    for (const std::filesystem::path &part : std::filesystem::path(run)) {
        const std::string word = part.string();
        if (!word.starts_with("seq_") && !word.starts_with("seed_")) {
            group += (group.empty() ? "" : "/") + word;
        }
    }
    return group;
}

/// `place`: where they would be.
CounterfactualFigure figureOf(std::vector<Counterfactual> tables, const std::string &group,
                              const std::filesystem::path &place, const std::string &experiment,
                              const std::string &question)
{
    std::erase_if(tables, [&](const Counterfactual &table) { return groupOf(table.run) != group; });
    if (tables.empty()) {
        throw Failure({"not asked with the keys of other selectors", place.string(), "", "",
                       "Run sparsescope-cli counterfactual on the folder of the experiment first."});
    }
    return {std::move(tables), experiment, group, question};
}

} // namespace

CounterfactualFigure counterfactualFigureOf(const std::vector<RunData *> &runs, const RunData &like)
{
    std::vector<Counterfactual> tables;
    for (const RunData *run : runs) {
        if (const auto stored = RunReader(run->folder()).value(kCounterfactualKey)) {
            const auto document = nlohmann::ordered_json::parse(*stored, nullptr, false);
            tables.push_back(counterfactualFromJson(document, (run->folder() / "run.sqlite").string()));
        }
    }
    return figureOf(std::move(tables), groupOf(like.config().folder()),
                    like.experimentFolder() / withoutSeed(like.config()), like.config().experiment,
                    like.config().question);
}

CounterfactualFigure counterfactualFigureOf(const StoredSummary &summary)
{
    const auto sparse = std::find_if(summary.runs.begin(), summary.runs.end(),
                                     [](const SummaryRun &run) { return isSparse(run.family); });
    const SummaryRun &like = sparse != summary.runs.end() ? *sparse : summary.runs.front();
    return figureOf(summary.counterfactuals, groupOf(like.run), summary.folder, summary.experiment, summary.question);
}

} // namespace sparsescope
