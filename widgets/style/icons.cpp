#include "widgets/style/icons.h"

#include "widgets/style/theme.h"

#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPainterPath>
#include <QPixmap>

namespace sparsescope {

namespace {

class TokenIcon : public QIconEngine {
public:
    TokenIcon(Icon shape, Ink ink) : m_shape(shape), m_ink(ink) {}

    void paint(QPainter *painter, const QRect &rect, QIcon::Mode mode, QIcon::State) override
    {
        const Tokens &t = currentTokens();
        paintIcon(*painter, m_shape, rect, inkColour(mode == QIcon::Disabled ? Ink::Hint : m_ink, t), t.panel);
    }
    QPixmap pixmap(const QSize &size, QIcon::Mode mode, QIcon::State state) override
    {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(0, 0), size), mode, state);
        return pixmap;
    }
    QIconEngine *clone() const override { return new TokenIcon(*this); }

private:
    Icon m_shape;
    Ink m_ink;
};

void line(QPainter &painter, std::initializer_list<QPointF> points)
{
    painter.drawPolyline(points.begin(), static_cast<int>(points.size()));
}

void shape(QPainter &painter, std::initializer_list<QPointF> points)
{
    painter.drawPolygon(points.begin(), static_cast<int>(points.size()));
}

} // namespace

QIcon icon(Icon shape, Ink ink)
{
    return QIcon(new TokenIcon(shape, ink));
}

QColor inkColour(Ink ink, const Tokens &t)
{
    switch (ink) {
    case Ink::Text: return t.text;
    case Ink::Text2: return t.text2;
    case Ink::Hint: return t.hint;
    case Ink::Accent: return t.accent;
    case Ink::OnAccent: return t.onAccent;
    case Ink::Passed: return t.passed;
    case Ink::Check: return t.check;
    case Ink::Failed: return t.failed;
    }
    return t.text;
}

void paintIcon(QPainter &painter, Icon which, const QRectF &rect, const QColor &colour, const QColor &ground)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.translate(rect.topLeft());
    painter.scale(rect.width() / 16.0, rect.height() / 16.0);
    const QPen pen(colour, 1.6, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin);
    const QPen cut(ground, 1.9, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin);
    painter.setPen(pen);
    painter.setBrush(Qt::NoBrush);
    switch (which) {
    case Icon::Play:
        painter.setBrush(colour);
        shape(painter, {{4.5, 3}, {13, 8}, {4.5, 13}});
        break;
    case Icon::Pause:
        painter.setPen(Qt::NoPen);
        painter.setBrush(colour);
        painter.drawRect(QRectF(3.4, 2.8, 3.6, 10.4));
        painter.drawRect(QRectF(9.0, 2.8, 3.6, 10.4));
        break;
    case Icon::Stop:
        painter.setBrush(colour);
        painter.drawRoundedRect(QRectF(3.5, 3.5, 9, 9), 1, 1);
        break;
    case Icon::Plus:
        line(painter, {{8, 3}, {8, 13}});
        line(painter, {{3, 8}, {13, 8}});
        break;
    case Icon::Open:
        line(painter, {{2, 12.5}, {2, 3.5}, {6, 3.5}, {7.5, 5.5}, {13, 5.5}, {13, 7}});
        shape(painter, {{2, 12.5}, {4.3, 7.3}, {15, 7.3}, {12.8, 12.5}});
        break;
    case Icon::Export:
        line(painter, {{3, 9.5}, {3, 13.3}, {13, 13.3}, {13, 9.5}});
        line(painter, {{8, 10}, {8, 2.5}});
        line(painter, {{5, 5.4}, {8, 2.4}, {11, 5.4}});
        break;
    case Icon::Tick:
        line(painter, {{3, 8.5}, {6.5, 12}, {13, 4.5}});
        break;
    case Icon::Passed:
        painter.setBrush(colour);
        painter.drawEllipse(QRectF(1.2, 1.2, 13.6, 13.6));
        painter.setPen(cut);
        line(painter, {{4.8, 8.3}, {7.1, 10.6}, {11.3, 5.8}});
        break;
    case Icon::Failed:
        painter.setBrush(colour);
        shape(painter, {{5, 1}, {11, 1}, {15, 5}, {15, 11}, {11, 15}, {5, 15}, {1, 11}, {1, 5}});
        painter.setPen(cut);
        line(painter, {{5.4, 5.4}, {10.6, 10.6}});
        line(painter, {{10.6, 5.4}, {5.4, 10.6}});
        break;
    case Icon::Warning:
        painter.setBrush(colour);
        shape(painter, {{8, 1.8}, {15, 14}, {1, 14}});
        painter.setPen(cut);
        line(painter, {{8, 6.2}, {8, 9.6}});
        painter.drawPoint(QPointF(8, 12));
        break;
    case Icon::Info:
        painter.setBrush(colour);
        painter.drawEllipse(QRectF(1.2, 1.2, 13.6, 13.6));
        painter.setPen(cut);
        line(painter, {{8, 7.4}, {8, 11.4}});
        painter.drawPoint(QPointF(8, 4.7));
        break;
    case Icon::Clock:
        painter.drawEllipse(QRectF(1.8, 1.8, 12.4, 12.4));
        line(painter, {{8, 4.6}, {8, 8.2}, {10.4, 9.6}});
        break;
    case Icon::Dot:
        painter.setBrush(colour);
        painter.drawEllipse(QRectF(3.5, 3.5, 9, 9));
        break;
    case Icon::Moon: {
        QPainterPath disc, bite;
        disc.addEllipse(QRectF(2, 2, 12, 12));
        bite.addEllipse(QRectF(6, 0.5, 11, 11));
        painter.fillPath(disc.subtracted(bite), colour);
        break;
    }
    case Icon::Sun:
        painter.setBrush(colour);
        painter.drawEllipse(QRectF(5, 5, 6, 6));
        for (int ray = 0; ray < 8; ++ray) {
            painter.save();
            painter.translate(8, 8);
            painter.rotate(45.0 * ray);
            painter.drawLine(QPointF(0, -5.4), QPointF(0, -6.8));
            painter.restore();
        }
        break;
    case Icon::Chip:
        painter.drawRoundedRect(QRectF(4, 4, 8, 8), 1, 1);
        for (const double z : {6.2, 9.8}) {
            line(painter, {{z, 1.5}, {z, 4}});
            line(painter, {{z, 12}, {z, 14.5}});
            line(painter, {{1.5, z}, {4, z}});
            line(painter, {{12, z}, {14.5, z}});
        }
        break;
    case Icon::Previous:
        line(painter, {{10, 3}, {5, 8}, {10, 13}});
        break;
    case Icon::Next:
        line(painter, {{6, 3}, {11, 8}, {6, 13}});
        break;
    case Icon::Train:
        line(painter, {{2, 2}, {2, 14}, {14, 14}});
        line(painter, {{4, 4}, {6, 9}, {9, 10.6}, {14, 11.2}});
        break;
    case Icon::Inspect: {
        QColor faint = colour;
        faint.setAlphaF(0.3F);
        for (int y = 0; y < 3; ++y) {
            for (int x = 0; x < 3; ++x) {
                painter.fillRect(QRectF(2 + 4.2 * x, 2 + 4.2 * y, 3.4, 3.4), x <= y ? colour : faint);
            }
        }
        break;
    }
    case Icon::Fit:
        line(painter, {{2, 6}, {2, 2}, {6, 2}});
        line(painter, {{10, 2}, {14, 2}, {14, 6}});
        line(painter, {{14, 10}, {14, 14}, {10, 14}});
        line(painter, {{6, 14}, {2, 14}, {2, 10}});
        break;
    case Icon::Disk:
        painter.drawEllipse(QRectF(2.5, 2, 11, 4));
        line(painter, {{2.5, 4}, {2.5, 12}});
        line(painter, {{13.5, 4}, {13.5, 12}});
        painter.drawArc(QRectF(2.5, 10, 11, 4), 180 * 16, 180 * 16);
        break;
    case Icon::More:
        line(painter, {{3, 6}, {8, 11}, {13, 6}});
        break;
    case Icon::Less:
        line(painter, {{3, 10}, {8, 5}, {13, 10}});
        break;
    case Icon::Eye: {
        QPainterPath lids(QPointF(1.5, 8));
        lids.quadTo(8, 1.5, 14.5, 8);
        lids.quadTo(8, 14.5, 1.5, 8);
        painter.drawPath(lids);
        painter.setBrush(colour);
        painter.drawEllipse(QPointF(8, 8), 1.8, 1.8);
        break;
    }
    }
    painter.restore();
}

Icon runStateIcon(RunState state)
{
    switch (state) {
    case RunState::Queued: return Icon::Clock;
    case RunState::Running: return Icon::Dot;
    case RunState::Paused: return Icon::Pause;
    case RunState::Finished: return Icon::Tick;
    case RunState::Stopped: return Icon::Stop;
    case RunState::Failed: return Icon::Failed;
    case RunState::Interrupted: return Icon::Warning;
    }
    return Icon::Clock;
}

void paintMarker(QPainter &painter, Marker marker, QPointF centre, double size, const QColor &colour, const QColor &fill)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, 1.6, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
    painter.setBrush(fill);
    const double r = size / 2;
    switch (marker) {
    case Marker::Circle:
        painter.drawEllipse(centre, r, r);
        break;
    case Marker::Square:
        painter.drawRect(QRectF(centre.x() - 0.9 * r, centre.y() - 0.9 * r, 1.8 * r, 1.8 * r));
        break;
    case Marker::Diamond:
        shape(painter, {centre + QPointF(0, -1.2 * r), centre + QPointF(1.2 * r, 0), centre + QPointF(0, 1.2 * r), centre + QPointF(-1.2 * r, 0)});
        break;
    case Marker::Triangle:
        shape(painter, {centre + QPointF(0, -1.15 * r), centre + QPointF(1.1 * r, 0.85 * r), centre + QPointF(-1.1 * r, 0.85 * r)});
        break;
    }
    painter.restore();
}

} // namespace sparsescope
