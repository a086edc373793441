#pragma once

#include "core/base/config.h"
#include "widgets/plots/atlas_layout.h"
#include "widgets/plots/atlas_maker.h"
#include "widgets/plots/view.h"

#include <QAbstractScrollArea>
#include <QTimer>

#include <memory>
#include <vector>

class QPainter;

namespace sparsescope {

enum class AtlasOrder { Depth, MassKept, Churn, Divergence };

/// All maps of all layers on one text, small: click selects layer and map, double-click or Enter asks for the Focus.
/// Paints ready images only.
class AtlasView : public QAbstractScrollArea, public ExportableView {
    Q_OBJECT

public:
    explicit AtlasView(ViewState *viewState, QWidget *parent = nullptr);

    void setFamily(Family family);
    /// Null: void.
    void setPicture(std::shared_ptr<const AtlasPicture> picture);
    const std::shared_ptr<const AtlasPicture> &picture() const { return m_picture; }
    void setLoading(bool loading); ///< the last picture stays, dimmed after 150 ms
    void setOrder(AtlasOrder order);
    static constexpr int kSmallSide = 56, kMediumSide = 79, kLargeSide = 128;
    /// Room for a thumbnail, logical pixels. Until it is called: large where everything is in sight then, else medium.
    void setSide(int side);
    int side() const { return m_room; }
    bool hasTerms() const { return m_layout.indexHeads > 0; }
    /// Layers whose rows are in sight; all of them before there is a picture.
    std::vector<int> layersInSight() const;

    /// For tests: where a thumbnail is in the viewport, logical pixels.
    QRect thumbnailRect(int layer, MapKind kind, int head) const;
    std::vector<int> layerOrder() const { return m_order; }

    QString figureTitle() const override;
    QSizeF figureSize() const override;
    void paintFigure(QPainter &painter, QSizeF size, const Tokens &tokens) const override;
    QString csv() const override; ///< layer, map, head, t, s, value; every cell that is visible to its query
    nlohmann::ordered_json exportContext() const override;

    QSize sizeHint() const override { return {900, 560}; }
    QSize minimumSizeHint() const override { return {320, 160}; }

Q_SIGNALS:
    void sightChanged();        ///< other rows are in sight, or another size is wanted
    void sideChanged(int side); ///< chosen by the view itself
    void focusRequested();

protected:
    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    void scrollContentsBy(int dx, int dy) override;
    void changeEvent(QEvent *event) override;
    bool viewportEvent(QEvent *event) override;
    void mousePressEvent(QMouseEvent *event) override;
    void mouseDoubleClickEvent(QMouseEvent *event) override;
    void keyPressEvent(QKeyEvent *event) override;

private:
    AtlasLayout layoutFor(int room) const;
    void chooseSide();
    void sortLayers();
    void updateBars();
    void select(const AtlasCell &cell);
    AtlasCell selectedCell() const;
    QPoint offset() const;
    int rowOfLayer(int layer) const; ///< -1: none
    void paintHeader(QPainter &painter, const Tokens &tokens, int scrolledX) const;
    void paintRow(QPainter &painter, const Tokens &tokens, int row, const AtlasImages &images) const;
    void paintLabel(QPainter &painter, const Tokens &tokens, int row) const;
    AtlasImages imagesFor(int layer, const Tokens &tokens) const;

    ViewState *m_viewState;
    Family m_family = Family::Sparse;
    std::shared_ptr<const AtlasPicture> m_picture;
    AtlasLayout m_layout;
    AtlasOrder m_orderBy = AtlasOrder::Depth;
    std::vector<int> m_order; ///< layer of each row
    int m_room = kMediumSide;
    bool m_sideChosen = false;
    QTimer m_dimTimer;
    bool m_dimmed = false;
};

} // namespace sparsescope
