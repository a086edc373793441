#include "widgets/style/icons.h"

#include "widgets/style/theme.h"

#include <QIconEngine>
#include <QPainter>
#include <QPainterPath>
#include <QPixmap>

#include <cmath>
#include <initializer_list>
#include <numbers>

namespace sparsescope {

namespace {

void line(QPainter &p, double x1, double y1, double x2, double y2) { p.drawLine(QPointF(x1, y1), QPointF(x2, y2)); }

void polyline(QPainter &p, std::initializer_list<QPointF> points)
{
    p.drawPolyline(std::data(points), static_cast<int>(points.size()));
}

void polygon(QPainter &p, std::initializer_list<QPointF> points)
{
    p.drawPolygon(std::data(points), static_cast<int>(points.size()));
}

void sign(QPainter &p, const QColor &ground)
{
    p.setPen(QPen(ground, 1.9, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    p.setBrush(Qt::NoBrush);
}

void paintShape(QPainter &p, Icon icon, const QColor &colour, const QColor &ground)
{
    switch (icon) {
    case Icon::Start:
        p.setBrush(colour);
        polygon(p, {{4.5, 3}, {13, 8}, {4.5, 13}});
        break;
    case Icon::Pause:
        p.setBrush(colour);
        p.drawRect(QRectF(4, 3.5, 2.4, 9));
        p.drawRect(QRectF(9.6, 3.5, 2.4, 9));
        break;
    case Icon::Stop:
        p.setBrush(colour);
        p.drawRoundedRect(QRectF(3.5, 3.5, 9, 9), 1, 1);
        break;
    case Icon::Add:
        line(p, 8, 3, 8, 13);
        line(p, 3, 8, 13, 8);
        break;
    case Icon::Export:
        polyline(p, {{3, 9.5}, {3, 13.3}, {13, 13.3}, {13, 9.5}});
        line(p, 8, 10, 8, 2.5);
        polyline(p, {{5, 5.4}, {8, 2.4}, {11, 5.4}});
        break;
    case Icon::Previous:
        polyline(p, {{10, 3}, {5, 8}, {10, 13}});
        break;
    case Icon::Next:
        polyline(p, {{6, 3}, {11, 8}, {6, 13}});
        break;
    case Icon::Up:
        polyline(p, {{3, 10}, {8, 5}, {13, 10}});
        break;
    case Icon::Down:
        polyline(p, {{3, 6}, {8, 11}, {13, 6}});
        break;
    case Icon::Train:
        polyline(p, {{2, 2}, {2, 14}, {14, 14}});
        polyline(p, {{4, 4}, {6, 9}, {9, 10.6}, {14, 11.2}});
        break;
    case Icon::Inspect:
        for (int row = 0; row < 3; ++row) {
            for (int column = 0; column < 3; ++column) {
                QColor fill = colour;
                fill.setAlphaF(column <= row ? 1.0F : 0.25F);
                p.fillRect(QRectF(2 + 4.2 * column, 2 + 4.2 * row, 3.4, 3.4), fill);
            }
        }
        break;
    case Icon::Compare:
        p.drawRect(QRectF(2, 3, 5, 10));
        p.drawRect(QRectF(9, 3, 5, 10));
        break;
    case Icon::Speed:
        p.drawArc(QRectF(2, 3, 12, 12), -20 * 16, 220 * 16);
        line(p, 8, 9, 11.4, 5.6);
        break;
    case Icon::Moon: {
        QPainterPath full, cut;
        full.addEllipse(QRectF(2, 2, 12, 12));
        cut.addEllipse(QRectF(6, 0.5, 11, 11));
        p.setPen(Qt::NoPen);
        p.setBrush(colour);
        p.drawPath(full.subtracted(cut));
        break;
    }
    case Icon::Sun:
        p.drawEllipse(QRectF(5, 5, 6, 6));
        for (int ray = 0; ray < 8; ++ray) {
            const double angle = ray * std::numbers::pi / 4;
            line(p, 8 + 5 * std::cos(angle), 8 + 5 * std::sin(angle), 8 + 6.6 * std::cos(angle),
                 8 + 6.6 * std::sin(angle));
        }
        break;
    case Icon::Device:
        p.drawRoundedRect(QRectF(4, 4, 8, 8), 1, 1);
        for (const double z : {6.2, 9.8}) {
            line(p, z, 1.5, z, 4);
            line(p, z, 12, z, 14.5);
            line(p, 1.5, z, 4, z);
            line(p, 12, z, 14.5, z);
        }
        break;
    case Icon::Passed:
        p.setBrush(colour);
        p.drawEllipse(QRectF(1.2, 1.2, 13.6, 13.6));
        sign(p, ground);
        polyline(p, {{4.8, 8.3}, {7.1, 10.6}, {11.3, 5.8}});
        break;
    case Icon::Failed:
        p.setBrush(colour);
        polygon(p, {{5, 1}, {11, 1}, {15, 5}, {15, 11}, {11, 15}, {5, 15}, {1, 11}, {1, 5}});
        sign(p, ground);
        line(p, 5.4, 5.4, 10.6, 10.6);
        line(p, 10.6, 5.4, 5.4, 10.6);
        break;
    case Icon::Check:
        p.setBrush(colour);
        polygon(p, {{8, 1.8}, {15, 14}, {1, 14}});
        sign(p, ground);
        line(p, 8, 6.2, 8, 9.6);
        p.drawPoint(QPointF(8, 12));
        break;
    case Icon::NotChecked: // hollow: nothing is known
        p.drawEllipse(QRectF(1.8, 1.8, 12.4, 12.4));
        line(p, 5, 8, 11, 8);
        break;
    case Icon::Info:
        p.setBrush(colour);
        p.drawEllipse(QRectF(1.2, 1.2, 13.6, 13.6));
        sign(p, ground);
        line(p, 8, 7.4, 8, 11.4);
        p.drawPoint(QPointF(8, 4.7));
        break;
    case Icon::Clock:
        p.drawEllipse(QRectF(1.8, 1.8, 12.4, 12.4));
        polyline(p, {{8, 4.6}, {8, 8.2}, {10.4, 9.6}});
        break;
    case Icon::Running:
        p.setBrush(colour);
        p.drawEllipse(QRectF(3.5, 3.5, 9, 9));
        break;
    case Icon::Tick:
        polyline(p, {{3, 8.5}, {6.5, 12}, {13, 4.5}});
        break;
    case Icon::Fit:
        polyline(p, {{2, 6}, {2, 2}, {6, 2}});
        polyline(p, {{10, 2}, {14, 2}, {14, 6}});
        polyline(p, {{14, 10}, {14, 14}, {10, 14}});
        polyline(p, {{6, 14}, {2, 14}, {2, 10}});
        break;
    case Icon::Lock:
        p.drawRoundedRect(QRectF(3.5, 7, 9, 7), 1, 1);
        p.drawArc(QRectF(5.2, 2.4, 5.6, 8), 0, 180 * 16);
        break;
    case Icon::Folder:
        polyline(p, {{2, 12.5}, {2, 3.5}, {6, 3.5}, {7.5, 5.5}, {13, 5.5}, {13, 7}});
        polygon(p, {{2, 12.5}, {4.3, 7.3}, {15, 7.3}, {12.8, 12.5}});
        break;
    }
}

/// Paints at the size and scale asked for, in the colours of the theme at that moment.
class TokenIconEngine : public QIconEngine {
public:
    TokenIconEngine(Icon icon, IconRole role)
        : m_icon(icon)
        , m_role(role)
    {}

    void paint(QPainter *painter, const QRect &rect, QIcon::Mode mode, QIcon::State state) override
    {
        const Tokens &t = currentTokens();
        QColor colour = m_role == IconRole::OnAccent ? t.onAccent : m_role == IconRole::Accent ? t.accent : t.text;
        if (m_role == IconRole::Switch) {
            colour = state == QIcon::On ? t.accent : t.text2;
        }
        if (mode == QIcon::Disabled) {
            colour = t.hint;
        }
        paintIcon(*painter, rect, m_icon, colour, m_role == IconRole::OnAccent ? t.accent : t.panel);
    }

    QPixmap pixmap(const QSize &size, QIcon::Mode mode, QIcon::State state) override
    {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect({}, size), mode, state);
        return pixmap;
    }

    QIconEngine *clone() const override { return new TokenIconEngine(*this); }

private:
    Icon m_icon;
    IconRole m_role;
};

} // namespace

void paintIcon(QPainter &painter, const QRectF &box, Icon icon, const QColor &colour, const QColor &ground)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.translate(box.topLeft());
    painter.scale(box.width() / 16, box.height() / 16);
    painter.setPen(QPen(colour, 1.6, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.setBrush(Qt::NoBrush);
    paintShape(painter, icon, colour, ground);
    painter.restore();
}

QIcon makeIcon(Icon icon, IconRole role) { return QIcon(new TokenIconEngine(icon, role)); }

Icon runStateIcon(RunState state)
{
    switch (state) {
    case RunState::Queued:
        return Icon::Clock;
    case RunState::Running:
        return Icon::Running;
    case RunState::Paused:
        return Icon::Pause;
    case RunState::Finished:
        return Icon::Tick;
    case RunState::Stopped:
        return Icon::Stop;
    case RunState::Failed:
        return Icon::Failed;
    case RunState::Interrupted:
        return Icon::Check;
    }
    return Icon::Clock;
}

} // namespace sparsescope
