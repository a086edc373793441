#pragma once

#include "widgets/plots/compare_content.h"
#include "widgets/plots/view.h"

#include <QWidget>

#include <memory>

namespace sparsescope {

class SeriesPlot;

/// The loss of both sides over A - B, on one axis: what one of the two is zoomed to, the other is.
class LossDifference : public QWidget, public ExportableView {
    Q_OBJECT

public:
    explicit LossDifference(QWidget *parent = nullptr);

    void setContent(std::shared_ptr<const CompareContent> content);
    void setCursor(std::optional<std::int64_t> step);
    void setHover(std::optional<std::int64_t> step);
    SeriesPlot *loss() const { return m_loss; }
    SeriesPlot *difference() const { return m_difference; }

    QString figureTitle() const override { return QStringLiteral("Loss and paired difference"); }
    QSizeF figureSize() const override { return {900, 640}; }
    double smallestWidth() const override { return 560; }
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< series,x,mean,std,n,low,high
    nlohmann::ordered_json exportContext() const override;

    QSize sizeHint() const override { return {520, 380}; }
    QSize minimumSizeHint() const override { return {260, 250}; }

Q_SIGNALS:
    void cursorMoved(std::int64_t step);
    void hovered(std::optional<std::int64_t> step);
    void menuRequested(QPoint globalPosition);

private:
    void share(SeriesPlot *from, SeriesPlot *to);

    SeriesPlot *m_loss, *m_difference;
    std::shared_ptr<const CompareContent> m_content;
    bool m_sharing = false;
};

} // namespace sparsescope
