#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QFrame>

#include <memory>

class QLabel;
class QStackedWidget;

namespace sparsescope {

class MessageView;
class SelectionMaskView;
class ValueList;

/// What a layer selects: its mask, a warning where it looks into the future, and the layer's numbers beside chance; or
/// a message that there is nothing to select.
class MaskCard : public QFrame {
    Q_OBJECT

public:
    MaskCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// Null: the picture is void, its words stay until the next one comes. `family` in words, for the message.
    void setPicture(std::shared_ptr<const LayerPicture> picture, const QString &family);
    void setRow(std::shared_ptr<const RowAnswer> row);
    void setLoading(bool loading);
    const SelectionMaskView *mask() const { return m_mask; }

private:
    void showLayer(const LayerPicture &picture);
    void showStatistics(const SelectionMetrics &metrics);

    QLabel *m_title, *m_notice;
    SelectionMaskView *m_mask;
    ValueList *m_statistics;
    QStackedWidget *m_stack;
    MessageView *m_message;
};

} // namespace sparsescope
