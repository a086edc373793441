#include "widgets/plots/loss_difference.h"

#include "widgets/plots/compare_paper.h"
#include "widgets/plots/series_plot.h"
#include "widgets/state/number_text.h"
#include "widgets/style/figure_export.h"

#include <QPainter>
#include <QVBoxLayout>

#include <cmath>

namespace sparsescope {

namespace {

constexpr int kLeftMargin = 74; ///< room for "−0.0050" and the name of the axis: both plots begin at one line
constexpr double kLossShare = 0.54;

} // namespace

LossDifference::LossDifference(QWidget *parent)
    : QWidget(parent)
    , m_loss(new SeriesPlot(this))
    , m_difference(new SeriesPlot(this))
{
    m_loss->setObjectName(QStringLiteral("comparePlot"));
    m_loss->setAccessibleName(QStringLiteral("Loss of A and B"));
    m_difference->setObjectName(QStringLiteral("differencePlot"));
    m_difference->setAccessibleName(QStringLiteral("A − B"));
    m_loss->setXLabelShown(false); // it stands under the lower plot
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(m_loss, 54);
    column->addWidget(m_difference, 46);
    for (SeriesPlot *plot : {m_loss, m_difference}) {
        plot->setMostTicks(4);
        plot->setCompact(true);
        plot->setLeftMargin(kLeftMargin);
        connect(plot, &SeriesPlot::cursorMoved, this, &LossDifference::cursorMoved);
        connect(plot, &SeriesPlot::hovered, this, &LossDifference::hovered);
        connect(plot, &SeriesPlot::menuRequested, this, &LossDifference::menuRequested);
    }
    connect(m_loss, &SeriesPlot::viewChanged, this, [this] { share(m_loss, m_difference); });
    connect(m_difference, &SeriesPlot::viewChanged, this, [this] { share(m_difference, m_loss); });
}

void LossDifference::share(SeriesPlot *from, SeriesPlot *to)
{
    if (!m_sharing) {
        m_sharing = true;
        to->followX(from->xRange(), from->zoomedX());
        m_sharing = false;
    }
}

void LossDifference::setContent(std::shared_ptr<const CompareContent> content)
{
    m_content = std::move(content);
    m_sharing = true; // both get the same range below
    m_loss->setContent(m_content->loss);
    m_difference->setContent(m_content->difference);
    m_sharing = false;
    QStringList words{QStringLiteral("Loss over %1").arg(m_content->axis.unit.label.toLower())};
    for (const PlotCurve &curve : m_content->loss.curves) {
        words << QStringLiteral("%1 %2").arg(curve.name, lossText(curve.points.back().y));
    }
    m_loss->setAccessibleDescription(words.join(QStringLiteral(", ")));
    m_difference->setAccessibleDescription(
        m_content->differences.empty()
            ? m_content->difference.empty
            : QStringLiteral("A − B ") + differenceText(m_content->differences.back().statistics));
}

void LossDifference::setCursor(std::optional<std::int64_t> step)
{
    m_loss->setCursor(step);
    m_difference->setCursor(step);
}

void LossDifference::setHover(std::optional<std::int64_t> step)
{
    m_loss->setHover(step);
    m_difference->setHover(step);
}

void LossDifference::paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const
{
    if (!m_content) {
        return;
    }
    paintPaper(painter, size, figureTitle(), *m_content, tokens);
    const int room = static_cast<int>(size.height()) - kPaperTop - kPaperFoot;
    const int upper = static_cast<int>(room * kLossShare), width = static_cast<int>(size.width()) - 12;
    painter.translate(6, kPaperTop);
    m_loss->paint(painter, {width, upper}, tokens);
    painter.translate(0, upper);
    m_difference->paint(painter, {width, room - upper}, tokens);
    painter.translate(-6, -kPaperTop - upper);
}

QString LossDifference::csv() const
{
    QString text = QStringLiteral("series,x,mean,std,n,low,high\n");
    if (!m_content) {
        return text;
    }
    const auto [low, high] = m_loss->xRange();
    const auto row = [&text](const QString &series, double x, double mean, double std, int n, double from, double to) {
        text += csvText(series) + QLatin1Char(',') + csvNumber(x) + QLatin1Char(',') + csvNumber(mean) +
                QLatin1Char(',') + csvNumber(std) + QLatin1Char(',') + QString::number(n) + QLatin1Char(',') +
                csvNumber(from) + QLatin1Char(',') + csvNumber(to) + QLatin1Char('\n');
    };
    const double unknown = std::nan("");
    std::size_t band = 0;
    for (const PlotCurve &curve : m_content->loss.curves) {
        const bool side = curve.name.startsWith(QLatin1String("A ")) || curve.name.startsWith(QLatin1String("B "));
        const PlotBand *spread = side && band < m_content->loss.bands.size() ? &m_content->loss.bands[band++] : nullptr;
        for (std::size_t i = 0; i < curve.points.size(); ++i) {
            const Point &point = curve.points[i];
            if (point.x >= low && point.x <= high) {
                row(curve.name, point.x, point.y, spread ? spread->points[i].std : unknown,
                    spread ? spread->points[i].n : 1, unknown, unknown);
            }
        }
    }
    for (const DifferencePoint &point : m_content->differences) {
        const PairedDifference &s = point.statistics;
        if (point.x >= low && point.x <= high) {
            row(QStringLiteral("A - B"), point.x, s.mean.value_or(unknown), s.sd.value_or(unknown), s.n,
                s.ci95 ? s.ci95->low : unknown, s.ci95 ? s.ci95->high : unknown);
        }
    }
    return text;
}

nlohmann::ordered_json LossDifference::exportContext() const
{
    if (!m_content) {
        return {};
    }
    nlohmann::ordered_json context = compareContext(figureTitle(), *m_content);
    context["x"] = m_content->axis.unit.label.toStdString();
    context["smoothing"] = nullptr;
    return context;
}

} // namespace sparsescope
