#pragma once

#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QFrame>

#include <memory>

class QLabel;

namespace sparsescope {

class StateLegend;
class TokenStrip;

/// The probe text under the Atlas, coloured for one query, with the meaning of the colours.
class ProbeCard : public QFrame {
    Q_OBJECT

public:
    ProbeCard(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    void setSnapshot(std::shared_ptr<const Snapshot> snapshot);
    void setRow(std::shared_ptr<const RowAnswer> row);

private:
    QLabel *m_sub;
    TokenStrip *m_tokens;
    StateLegend *m_legend;
};

} // namespace sparsescope
