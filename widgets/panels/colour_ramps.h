#pragma once

#include "widgets/plots/atlas_maker.h"

#include <QWidget>

#include <memory>

namespace sparsescope {

/// What the colours of the Atlas' thumbnails mean: one bar for each kind of map.
class ColourRamps : public QWidget {
    Q_OBJECT

public:
    explicit ColourRamps(QWidget *parent = nullptr);
    void setPicture(std::shared_ptr<const AtlasPicture> picture);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return {120, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent *event) override;
    void changeEvent(QEvent *event) override;

private:
    bool hasTerms() const;
    std::shared_ptr<const AtlasPicture> m_picture;
};

} // namespace sparsescope
