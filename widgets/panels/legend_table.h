#pragma once

#include "core/base/config.h"

#include <QTableWidget>

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace sparsescope {

struct LossGroup;

/// Under the loss plot, not over it: what each family's loss is at the cursor, at the evaluation before it, and at best.
/// Click a row: hide or show its curves. Alt+click: only this one.
class LegendTable : public QTableWidget {
    Q_OBJECT

public:
    explicit LegendTable(QWidget *parent = nullptr);

    /// `smoothing` is what the training losses went through, and the header says so; 0: they are as they came.
    void setGroups(const std::vector<LossGroup> &groups, std::optional<std::int64_t> cursor,
                   const std::set<Family> &hidden, double smoothing);

Q_SIGNALS:
    void hiddenChanged(const std::set<sparsescope::Family> &hidden);

protected:
    void mouseReleaseEvent(QMouseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    /// As many words over the training losses as have room; none of the ways leaves out that they are smoothed.
    void showHeader();
    void toggle(int row, bool only);

    std::vector<Family> m_families;
    std::set<Family> m_hidden;
    std::optional<std::int64_t> m_cursor, m_evaluation;
    double m_smoothing = 0;
};

} // namespace sparsescope
