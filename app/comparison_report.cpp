#include "app/comparison_export.h"
#include "core/base/error.h"
#include "widgets/plots/compare_paper.h"
#include "widgets/style/check_look.h"
#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"

#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QSaveFile>

#include <algorithm>

/// The report of a comparison: words are text, figures are what the window shows.
namespace sparsescope {

namespace {

constexpr double kDots = 1200, kScreenDots = 96;
constexpr double kWidth = 1122, kHeight = 793; ///< A4 across, at 96 dots an inch
constexpr double kMargin = 48;

void titlePage(QPainter &painter, const CompareContent &content, const Tokens &t)
{
    double top = kMargin;
    const auto line = [&](const QString &text, const QFont &font, const QColor &ink, double height) {
        painter.setFont(font);
        painter.setPen(ink);
        const QRectF room(kMargin, top, kWidth - 2 * kMargin, 2000);
        const QRectF used = painter.boundingRect(room, Qt::AlignLeft | Qt::TextWordWrap, text);
        painter.drawText(room, Qt::AlignLeft | Qt::TextWordWrap, text);
        top += std::max(height, used.height() + 4);
    };
    const RunConfig &config = content.input.a->runs.front().compared.started.config;
    line(QStringLiteral("A: %1").arg(content.input.a->title), uiFont(22, QFont::DemiBold),
         wordsColour(sideColour(content.input.a->family, false, t), t), 30);
    line(QStringLiteral("B: %1").arg(content.input.b->title), uiFont(22, QFont::DemiBold),
         wordsColour(sideColour(content.input.b->family, content.input.sameFamily(), t), t), 36);
    line(QString::fromStdString(config.question.empty() ? config.experiment : config.question), uiFont(14), t.text2,
         28);
    if (!content.fault.title.isEmpty()) {
        line(content.fault.title + QStringLiteral(": ") + content.fault.text, uiFont(14, QFont::DemiBold),
             checkLook(content.fault.outcome, t).colour, 26);
    } else if (content.comparison.steps.statistics.mean) {
        line(QStringLiteral("Validation loss, A − B: ") + differenceText(content.comparison.steps.statistics) +
                 QStringLiteral(" nats"),
             uiFont(14, QFont::DemiBold), t.text, 26);
    }
    line(equalText(content.facts), uiFont(13), t.text, 22);
    for (const MatchFact &fact : content.facts) {
        if (fact.outcome != CheckOutcome::Passed) {
            line(fact.words, uiFont(13), checkLook(fact.outcome, t).colour, 20);
        }
    }
    line(QStringLiteral(
             "Differences are A − B, paired by seed; intervals are 95 % t intervals with n − 1 degrees of freedom. "
             "A row has a verdict where Holm's procedure over the table allows one."),
         uiFont(12), t.text2, 20);
}

} // namespace

void writeComparisonReport(const ComparisonExport::Views &views, const CompareContent &content, const QString &file)
{
    QSaveFile out(file);
    if (!out.open(QIODevice::WriteOnly)) {
        throw Failure({"could not write the report", file.toStdString(), out.errorString().toStdString(), "", ""});
    }
    {
        QPdfWriter writer(&out);
        writer.setTitle(QStringLiteral("Comparison: ") + sidesText(content));
        writer.setResolution(static_cast<int>(kDots));
        writer.setPageSize(
            QPageSize(QSizeF(kWidth, kHeight) / kScreenDots, QPageSize::Inch, {}, QPageSize::ExactMatch));
        writer.setPageMargins({});
        const Tokens &t = tokens(Theme::Light);
        QPainter painter(&writer);
        painter.scale(kDots / kScreenDots, kDots / kScreenDots);
        titlePage(painter, content, t);
        for (const auto &[name, view] : views) {
            writer.newPage();
            painter.save();
            const QSizeF size = view->figureSize();
            const double scale =
                std::min({(kWidth - 2 * kMargin) / size.width(), (kHeight - 2 * kMargin) / size.height(), 1.25});
            painter.translate((kWidth - scale * size.width()) / 2, kMargin);
            painter.scale(scale, scale);
            view->paintFigure(painter, size, t);
            painter.restore();
        }
    }
    if (!out.commit()) {
        throw Failure({"could not write the report", file.toStdString(), out.errorString().toStdString(), "",
                       "Check the folder and the free space."});
    }
}

} // namespace sparsescope
