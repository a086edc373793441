#include "widgets/style/marks.h"

#include "widgets/style/fonts.h"

#include <QFontMetricsF>
#include <QImage>
#include <QPaintEngine>

#include <algorithm>
#include <cmath>

namespace sparsescope {

void paintMarker(QPainter &painter, QPointF centre, double size, Marker marker, const QColor &colour,
                 const QColor &ground)
{
    const double r = size / 2;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, 1.6));
    painter.setBrush(ground);
    switch (marker) {
    case Marker::Circle:
        painter.drawEllipse(centre, r, r);
        break;
    case Marker::Square:
        painter.drawRect(QRectF(centre.x() - r * 0.9, centre.y() - r * 0.9, r * 1.8, r * 1.8));
        break;
    case Marker::Diamond: {
        const QPointF corners[] = {centre + QPointF(0, -r * 1.2), centre + QPointF(r * 1.2, 0),
                                   centre + QPointF(0, r * 1.2), centre + QPointF(-r * 1.2, 0)};
        painter.drawPolygon(corners, 4);
        break;
    }
    case Marker::Triangle: {
        const QPointF corners[] = {centre + QPointF(0, -r * 1.1), centre + QPointF(r * 1.1, r * 0.9),
                                   centre + QPointF(-r * 1.1, r * 0.9)};
        painter.drawPolygon(corners, 3);
        break;
    }
    }
    painter.restore();
}

QColor mix(const QColor &from, const QColor &to, double share)
{
    const auto between = [share](int a, int b) { return static_cast<int>(std::lround(a + (b - a) * share)); };
    return QColor(between(from.red(), to.red()), between(from.green(), to.green()), between(from.blue(), to.blue()));
}

double contrast(const QColor &one, const QColor &other)
{
    const auto luminance = [](const QColor &colour) {
        const auto linear = [](double part) {
            return part <= 0.03928 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
        };
        return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
    };
    const double a = luminance(one), b = luminance(other);
    return (std::max(a, b) + 0.05) / (std::min(a, b) + 0.05);
}

QColor wordsColour(const QColor &colour, const Tokens &tokens)
{
    QColor words = colour;
    for (double share = 0.05; contrast(words, tokens.panel) < 4.5 && share < 1; share += 0.05) {
        words = mix(colour, tokens.text, share);
    }
    return words;
}

QSizeF chipSize(const QString &text)
{
    return {QFontMetricsF(uiFont(11, QFont::DemiBold)).horizontalAdvance(text) + 10, 18};
}

void paintChip(QPainter &painter, const QRectF &box, const QString &text, const Tokens &tokens,
               std::optional<Family> family)
{
    const QColor colour = family ? familyColour(*family, tokens) : tokens.text2;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(mix(tokens.panel, colour, tokens.dark ? 0.25 : 0.15));
    painter.drawRoundedRect(box, 4, 4);
    painter.setFont(uiFont(11, QFont::DemiBold));
    painter.setPen(family ? mix(colour, tokens.text, tokens.dark ? 0.35 : 0.45) : tokens.text2);
    painter.drawText(box, Qt::AlignCenter, text);
    painter.restore();
}

void paintSideBadge(QPainter &painter, const QRectF &box, const QString &letter, const QColor &colour,
                    const Tokens &tokens)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(wordsColour(colour, tokens));
    painter.drawRoundedRect(box, 4, 4);
    painter.setPen(tokens.panel);
    painter.setFont(uiFont(box.height() < 18 ? 11 : 13, QFont::DemiBold));
    painter.drawText(box, Qt::AlignCenter, letter);
    painter.restore();
}

void paintTag(QPainter &painter, QPointF anchor, Qt::Alignment side, const QString &text, const Tokens &tokens)
{
    const QFont font = uiFont(11, QFont::DemiBold);
    const QSizeF size(QFontMetricsF(font).horizontalAdvance(text) + 8, 16);
    QRectF box({}, size);
    box.moveCenter(anchor);
    if (side & Qt::AlignRight) {
        box.moveRight(anchor.x());
    } else if (side & Qt::AlignLeft) {
        box.moveLeft(anchor.x());
    }
    if (side & Qt::AlignTop) {
        box.moveTop(anchor.y());
    } else if (side & Qt::AlignBottom) {
        box.moveBottom(anchor.y());
    }
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(Qt::NoPen);
    painter.setBrush(tokens.text);
    painter.drawRoundedRect(box, 3, 3);
    painter.setPen(tokens.panel);
    painter.setFont(font);
    painter.drawText(box, Qt::AlignCenter, text);
    painter.restore();
}

namespace {

/// One period of the hatch in device pixels; laid out over and over its lines meet.
QImage hatchTile(double step, const QColor &colour, double dpr)
{
    const int side = std::max(1, static_cast<int>(std::lround(step * dpr)));
    QImage tile(side, side, QImage::Format_ARGB32_Premultiplied);
    tile.fill(Qt::transparent);
    QPainter painter(&tile);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, dpr));
    for (const int c : {0, side, 2 * side}) {
        painter.drawLine(QPointF(c + side, -side), QPointF(c - 2 * side, 2 * side));
    }
    painter.end();
    tile.setDevicePixelRatio(dpr);
    return tile;
}

} // namespace

void paintHatch(QPainter &painter, const QPolygonF &polygon, double step, const QColor &colour)
{
    // In a window: many times faster than lines. On paper lines stay lines.
    if (painter.paintEngine()->type() == QPaintEngine::Raster &&
        painter.worldTransform().type() <= QTransform::TxTranslate) {
        painter.save();
        painter.setPen(Qt::NoPen);
        painter.setBrush(hatchTile(step, colour, painter.device()->devicePixelRatioF()));
        painter.drawPolygon(polygon);
        painter.restore();
        return;
    }
    // A line x + y = c crosses a convex outline in two points; walk c over the polygon's range.
    double low = 1e300, high = -1e300;
    for (const QPointF &p : polygon) {
        low = std::min(low, p.x() + p.y());
        high = std::max(high, p.x() + p.y());
    }
    painter.setPen(QPen(colour, 1));
    for (double c = std::ceil(low / step) * step; c < high; c += step) {
        QPolygonF crossings;
        for (int i = 0; i < polygon.size(); ++i) {
            const QPointF a = polygon[i], b = polygon[(i + 1) % polygon.size()];
            const double da = a.x() + a.y() - c, db = b.x() + b.y() - c;
            if ((da < 0) != (db < 0)) {
                crossings << a + (b - a) * (da / (da - db));
            }
        }
        if (crossings.size() == 2) {
            painter.drawLine(crossings[0], crossings[1]);
        }
    }
}

void paintStateSwatch(QPainter &painter, const QRectF &box, KeyState state, const Tokens &tokens)
{
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    if (state == KeyState::Missed) {
        painter.setPen(QPen(tokens.missed, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 2, 2);
    } else if (state == KeyState::Future || state == KeyState::Neither) {
        const bool future = state == KeyState::Future;
        painter.fillRect(box, future ? tokens.future : tokens.panel);
        if (future) {
            paintHatch(painter, QPolygonF(box), 6, tokens.hint);
        }
        painter.setPen(tokens.border);
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5));
    } else {
        painter.setPen(Qt::NoPen);
        painter.setBrush(stateColour(state, tokens));
        painter.drawRoundedRect(box, 2, 2);
    }
    painter.restore();
}

QString shownToken(const std::string &word)
{
    QString text = QString::fromStdString(word);
    text.replace(QLatin1String("\r\n"), QString(QChar(0x00B6)));
    text.replace(QLatin1Char('\n'), QChar(0x00B6));
    text.replace(QLatin1Char('\r'), QChar(0x00B6));
    text.replace(QLatin1Char('\t'), QChar(0x2192));
    if (text.isEmpty()) {
        return QString(QChar(0x25A1));
    }
    text.replace(QLatin1Char(' '), QChar(0x00B7));
    return text;
}

} // namespace sparsescope
