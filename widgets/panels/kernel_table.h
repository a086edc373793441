#pragma once

#include "widgets/plots/speed_content.h"

#include <QTableWidget>

#include <memory>

namespace sparsescope {

/// Every candidate of one point: time, rate, share of the floor, and whether it equalled the reference. What did not has no time.
class KernelTable : public QTableWidget {
    Q_OBJECT

public:
    explicit KernelTable(QWidget *parent = nullptr);

    void setPoint(const SpeedContent &content, int index);
};

} // namespace sparsescope
