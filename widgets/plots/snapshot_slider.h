#pragma once

#include "core/base/config.h"
#include "core/base/records.h"
#include "core/base/series.h"

#include <QAbstractSlider>

#include <cstdint>
#include <vector>

namespace sparsescope {

/// A slider over the snapshots of a run, at their steps: loss line, bands of the stages, a tick per snapshot, the handle
/// with its step. Its value is the index of the snapshot, so that keys and accessibility work as for any slider.
class SnapshotSlider : public QAbstractSlider {
    Q_OBJECT

public:
    explicit SnapshotSlider(QWidget *parent = nullptr);

    /// `lastStep`: end of the axis (the run's planned steps).
    void setRun(std::vector<std::int64_t> snapshotSteps, const Series &loss, std::vector<StageChange> stages,
                std::int64_t lastStep, Family family, bool live);

    std::int64_t stepAt(int index) const;
    double xOf(std::int64_t step) const;

    QSize sizeHint() const override { return {400, 60}; }
    QSize minimumSizeHint() const override { return {160, 60}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mouseReleaseEvent(QMouseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void wheelEvent(QWheelEvent *event) override;

private:
    void pickAt(double x);

    std::vector<std::int64_t> m_steps;
    Series m_loss;
    std::vector<StageChange> m_stages;
    std::int64_t m_lastStep = 1;
    Family m_family = Family::Sparse;
    bool m_live = false;
};

} // namespace sparsescope
