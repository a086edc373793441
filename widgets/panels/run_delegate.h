#pragma once

#include "widgets/panels/run_table.h"

#include <QStyledItemDelegate>

#include <map>

namespace sparsescope {

struct Tokens;

/// Of the columns of the run table, in px.
namespace runTable {
constexpr int kChipGap = 5, kMarkWidth = 24, kTrendWidth = 70, kLossWidth = 58, kStateWidth = 84,
              kStateSigns = 48; ///< the signs without the word
}

/// Chips, trend, loss and state of a run; name and progress of an experiment.
class RunDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

    bool marksShown = false;
    std::map<const RunData *, RunMark> marks;

    QSize sizeHint(const QStyleOptionViewItem &option, const QModelIndex &index) const override;
    void paint(QPainter *painter, const QStyleOptionViewItem &option, const QModelIndex &index) const override;
    /// Where the mark of a run is, in the cell of its name.
    static QRectF markBox(const QRect &cell);
    /// The room that these chips take.
    static double widthOf(const QStringList &chips);
    /// The same chips in so much room: names become shorter, first those that most runs share, values and seeds stay.
    static QStringList fitted(QStringList chips, double room);

private:
    RunMark markOf(const RunData &run) const;
    void paintMark(QPainter &painter, const QRect &rect, const RunData &run, const Tokens &t) const;
    void paintRun(QPainter &painter, const QRect &rect, const QModelIndex &index, const RunData &run, bool selected,
                  const Tokens &t) const;
};

} // namespace sparsescope
