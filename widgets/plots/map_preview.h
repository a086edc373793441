#pragma once

#include "widgets/plots/heatmap_coordinates.h"
#include "widgets/plots/map_worker.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QWidget>

#include <memory>

namespace sparsescope {

struct MapFrame;

/// A whole map without axes, as large as fits: hover links to every other view, click picks query and key.
class MapPreview : public QWidget {
    Q_OBJECT

public:
    MapPreview(ViewState *viewState, HoverState *hoverState, QWidget *parent = nullptr);

    /// `asMask`: its mask, where it has one, instead of its values. Null: void.
    void setPicture(std::shared_ptr<const LayerPicture> picture, bool asMask);
    const CellMapping &mapping() const { return m_mapping; }

    QSize sizeHint() const override { return {256, 256}; }
    QSize minimumSizeHint() const override { return {128, 128}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;
    void mouseMoveEvent(QMouseEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void leaveEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    const std::vector<MapLevel> &levels() const;
    int heightFor(int width) const;
    void layoutMap();

    ViewState *m_viewState;
    HoverState *m_hoverState;
    std::shared_ptr<const LayerPicture> m_picture;
    bool m_asMask = false;
    CellMapping m_mapping;
};

} // namespace sparsescope
