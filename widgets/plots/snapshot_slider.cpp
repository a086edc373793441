#include "widgets/plots/snapshot_slider.h"

#include "widgets/state/number_text.h"
#include "widgets/style/fonts.h"
#include "widgets/style/theme.h"

#include <QFontMetricsF>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>

#include <algorithm>
#include <cmath>

namespace sparsescope {

namespace {

constexpr double kLeft = 12, kRight = 16, kLineY = 38, kSparkTop = 4, kSparkBottom = 32, kLabelTop = 46;
constexpr int kCurveColumns = 160; ///< of the small loss curve; each column keeps its lowest and highest value

/// Largest of 1, 2, 5 times a power of ten that gives at most `count` steps.
std::int64_t roundStep(std::int64_t extent, int count)
{
    for (std::int64_t power = 1;; power *= 10) {
        for (const std::int64_t digit : {1, 2, 5}) {
            if (extent <= digit * power * count) {
                return digit * power;
            }
        }
    }
}

} // namespace

SnapshotSlider::SnapshotSlider(QWidget *parent)
    : QAbstractSlider(parent)
{
    setObjectName(QStringLiteral("snapshotSlider"));
    setAccessibleName(QStringLiteral("Snapshot"));
    setOrientation(Qt::Horizontal);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setRange(0, 0);
    setPageStep(10);
}

void SnapshotSlider::setRun(std::vector<std::int64_t> snapshotSteps, const Series &loss,
                            std::vector<StageChange> stages, std::int64_t lastStep, Family family, bool live)
{
    m_steps = std::move(snapshotSteps);
    m_stages = std::move(stages);
    m_lastStep = std::max<std::int64_t>({1, lastStep, m_steps.empty() ? 1 : m_steps.back()});
    m_loss = decimate(loss, 0, static_cast<double>(m_lastStep), kCurveColumns);
    m_family = family;
    m_live = live;
    setRange(0, std::max(0, static_cast<int>(m_steps.size()) - 1));
    update();
}

std::int64_t SnapshotSlider::stepAt(int index) const
{
    return index >= 0 && index < static_cast<int>(m_steps.size()) ? m_steps[static_cast<std::size_t>(index)] : -1;
}

double SnapshotSlider::xOf(std::int64_t step) const
{
    return kLeft + (width() - kLeft - kRight) * static_cast<double>(step) / static_cast<double>(m_lastStep);
}

void SnapshotSlider::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const Tokens &t = currentTokens();
    painter.setFont(uiFont(11));
    const QFontMetricsF metrics(painter.font());

    // Stages: every second one that takes room on this axis tinted, named where there is room.
    bool tinted = false;
    for (std::size_t i = 0; i < m_stages.size(); ++i) {
        const std::int64_t end = i + 1 < m_stages.size() ? m_stages[i + 1].step : m_lastStep;
        const double left = xOf(m_stages[i].step), right = xOf(end);
        if (right <= left) {
            continue;
        }
        tinted = !tinted;
        if (tinted && m_stages.size() > 1) {
            painter.fillRect(QRectF(left, 3, right - left, kLineY - 6), t.stage);
        }
        const QString name = QString::fromStdString(m_stages[i].name);
        if (metrics.horizontalAdvance(name) + 12 < right - left) {
            painter.setPen(t.hint);
            painter.drawText(QRectF(left + 6, 4, right - left - 10, 14), Qt::AlignCenter, name);
        }
    }

    if (m_loss.size() > 1) {
        double low = m_loss.front().y, high = m_loss.front().y;
        for (const Point &p : m_loss) {
            low = std::min(low, p.y);
            high = std::max(high, p.y);
        }
        QPolygonF polyline;
        for (const Point &p : m_loss) {
            const double share = high > low ? (p.y - low) / (high - low) : 0.5;
            polyline << QPointF(xOf(static_cast<std::int64_t>(p.x)), kSparkBottom - (kSparkBottom - kSparkTop) * share);
        }
        painter.setPen(QPen(familyColour(m_family, t), 1.8));
        painter.drawPolyline(polyline);
    }

    painter.setPen(QPen(t.border, 2));
    painter.drawLine(QPointF(xOf(0), kLineY), QPointF(xOf(m_lastStep), kLineY));
    const std::int64_t current = stepAt(value());
    painter.setFont(uiFont(11));
    const std::int64_t every = roundStep(m_lastStep, std::max(2, width() / 110));
    const double currentX = current >= 0 ? xOf(current) : -1000;
    for (std::int64_t step = 0; step <= m_lastStep; step += every) {
        if (std::abs(xOf(step) - currentX) < 34) {
            continue;
        }
        const QString text = countText(step);
        const double half = metrics.horizontalAdvance(text) / 2 + 1;
        const double x = std::clamp(xOf(step), half, width() - half);
        painter.setPen(t.text2);
        painter.drawText(QRectF(x - half, kLabelTop, 2 * half, 13), Qt::AlignCenter, text);
    }
    if (m_live && !m_steps.empty()) {
        const double x = xOf(m_steps.back()) + 10;
        const QString text = QStringLiteral("Live: new snapshots arrive here");
        if (x + metrics.horizontalAdvance(text) < width() - kRight) {
            painter.setPen(t.hint);
            painter.drawText(QRectF(x, 21, width() - x, 14), Qt::AlignLeft | Qt::AlignVCenter, text);
        }
    }
    for (const std::int64_t step : m_steps) {
        painter.setPen(QPen(t.accent, 1.5));
        painter.drawLine(QPointF(xOf(step), kLineY - 3), QPointF(xOf(step), kLineY + 3));
    }
    if (current < 0) {
        return;
    }
    painter.setPen(QPen(t.accent, 2));
    painter.drawLine(QPointF(xOf(0), kLineY), QPointF(currentX, kLineY));
    painter.setPen(QPen(t.cursor, 1));
    painter.drawLine(QPointF(currentX, 2), QPointF(currentX, kLineY));
    painter.setPen(QPen(hasFocus() ? t.text : t.panel, 2));
    painter.setBrush(t.accent);
    painter.drawEllipse(QPointF(currentX, kLineY), 7, 7);
    painter.setFont(uiFont(11, QFont::DemiBold));
    const double half = QFontMetricsF(painter.font()).horizontalAdvance(countText(current)) / 2 + 2;
    painter.setPen(t.text);
    painter.drawText(QRectF(std::clamp(currentX, half, width() - half) - half, kLabelTop, 2 * half, 13),
                     Qt::AlignCenter, countText(current));
}

void SnapshotSlider::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        update();
    }
    QAbstractSlider::changeEvent(event);
}

void SnapshotSlider::pickAt(double x)
{
    int nearest = -1;
    double distance = 0;
    for (int i = 0; i < static_cast<int>(m_steps.size()); ++i) {
        const double d = std::abs(xOf(m_steps[static_cast<std::size_t>(i)]) - x);
        if (nearest < 0 || d < distance) {
            nearest = i;
            distance = d;
        }
    }
    if (nearest >= 0) {
        setSliderPosition(nearest);
    }
}

void SnapshotSlider::mousePressEvent(QMouseEvent *event)
{
    if (event->button() == Qt::LeftButton) {
        setSliderDown(true);
        pickAt(event->position().x());
    }
}

void SnapshotSlider::mouseMoveEvent(QMouseEvent *event)
{
    if (isSliderDown()) {
        pickAt(event->position().x());
    }
}

void SnapshotSlider::mouseReleaseEvent(QMouseEvent *) { setSliderDown(false); }

void SnapshotSlider::keyPressEvent(QKeyEvent *event)
{
    if (event->key() == Qt::Key_Home) {
        triggerAction(SliderToMinimum);
    } else if (event->key() == Qt::Key_End) {
        event->ignore(); // the page: follow live
    } else if (event->key() == Qt::Key_PageUp || event->key() == Qt::Key_PageDown) {
        event->ignore(); // the page: layer
    } else {
        QAbstractSlider::keyPressEvent(event);
    }
}

void SnapshotSlider::wheelEvent(QWheelEvent *event)
{
    event->ignore(); // a page that scrolls must not change the snapshot
}

} // namespace sparsescope
