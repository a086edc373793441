#pragma once

#include "widgets/plots/visible_refresh.h"

#include <QPointer>
#include <QWidget>

#include <string>

namespace sparsescope {

class RunData;

/// Every known metric of one run: words, trend, newest value, unit. Click a row to plot it.
class MetricsPanel : public QWidget {
    Q_OBJECT

public:
    explicit MetricsPanel(QWidget *parent = nullptr);

    void setRun(RunData *run, const QString &title);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return {240, 80}; }

Q_SIGNALS:
    void metricChosen(const std::string &metric);

protected:
    void paintEvent(QPaintEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void leaveEvent(QEvent *event) override;

private:
    struct Row {
        std::string metric;
        QString label, value, unit;
        bool ruleAbove = false;
    };
    void update();
    int rowAt(QPoint position) const;

    QPointer<RunData> m_run;
    VisibleRefresh m_refresh;
    QString m_title;
    std::vector<Row> m_rows;
    int m_hovered = -1;
};

/// "Validation loss" for "val.loss"; the key itself for one without words.
QString metricText(const std::string &metric);

} // namespace sparsescope
