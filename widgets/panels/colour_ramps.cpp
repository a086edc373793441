#include "widgets/panels/colour_ramps.h"

#include "widgets/plots/colour_bar.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QPainter>

#include <algorithm>

namespace sparsescope {

ColourRamps::ColourRamps(QWidget *parent)
    : QWidget(parent)
{
    setAccessibleName(QStringLiteral("Colours of the thumbnails"));
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
}

bool ColourRamps::hasTerms() const
{
    return m_picture && std::any_of(m_picture->layers.begin(), m_picture->layers.end(),
                                    [](const auto &layer) { return layer && !layer->terms.empty(); });
}

void ColourRamps::setPicture(std::shared_ptr<const AtlasPicture> picture)
{
    const QSize before = sizeHint();
    m_picture = std::move(picture);
    if (sizeHint() != before) {
        updateGeometry();
    }
    update();
}

QSize ColourRamps::sizeHint() const { return {230, static_cast<int>(kRampHeight) * (hasTerms() ? 2 : 1)}; }

void ColourRamps::paintEvent(QPaintEvent *)
{
    if (!m_picture) {
        return;
    }
    QPainter painter(this);
    double top = 0;
    if (hasTerms()) {
        paintColourRamp(painter, {1.0, top, width() - 2.0, kRampHeight}, m_picture->termScale,
                        QStringLiteral("Indexer term (linear, all thumbnails)"), currentTokens());
        top += kRampHeight;
    }
    paintColourRamp(painter, {1.0, top, width() - 2.0, kRampHeight}, m_picture->attentionScale,
                    QStringLiteral("Attention weight (log)"), currentTokens());
}

void ColourRamps::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange) {
        update();
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
