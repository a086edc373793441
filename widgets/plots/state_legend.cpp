#include "widgets/plots/state_legend.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QFontMetrics>
#include <QPainter>

#include <vector>

namespace sparsescope {

namespace {

constexpr int kRow = 20, kSwatchWidth = 15, kSwatchHeight = 12, kTextGap = 6, kItemGap = 16;

struct Item {
    enum Kind { Query, State, Task, Bar } kind;
    KeyState state;
    QString text;
};

} // namespace

StateLegend::StateLegend(Use use, Qt::Orientation orientation, QWidget *parent)
    : QWidget(parent)
    , m_use(use)
    , m_orientation(orientation)
{
    setAccessibleName(QStringLiteral("Legend of key states"));
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum);
    policy.setHeightForWidth(orientation == Qt::Horizontal);
    setSizePolicy(policy);
}

void StateLegend::setTaskShown(bool shown)
{
    m_taskShown = shown;
    updateGeometry();
    update();
}

int StateLegend::walk(QPainter *painter, int width) const
{
    const Tokens &t = currentTokens();
    const bool row = m_orientation == Qt::Horizontal;
    std::vector<Item> items;
    if (m_use == Use::Text) {
        items.push_back({Item::Query, KeyState::Neither, QStringLiteral("Query")});
    }
    for (const KeyState state : {KeyState::SelectedNeeded, KeyState::SelectedLittle, KeyState::Missed}) {
        items.push_back({Item::State, state, stateText(state)});
    }
    if (m_use == Use::Bars) {
        items.push_back({Item::Bar, KeyState::Neither, QStringLiteral("Not selected")});
    } else {
        items.push_back({Item::State, KeyState::Future, stateText(KeyState::Future)});
    }
    if (m_taskShown) {
        items.push_back({Item::Task, KeyState::Neither, QStringLiteral("Needed by the task")});
    }
    const QFontMetrics metrics(uiFont(12));
    int x = 0, y = 0;
    for (const Item &item : items) {
        const int textWidth = metrics.horizontalAdvance(item.text);
        const int itemWidth = kSwatchWidth + kTextGap + textWidth;
        if (x > 0 && (!row || x + itemWidth > width)) {
            x = 0;
            y += kRow;
        }
        if (painter != nullptr) {
            const QRectF swatch(x, y + (kRow - kSwatchHeight) / 2.0, kSwatchWidth, kSwatchHeight);
            painter->setRenderHint(QPainter::Antialiasing);
            if (item.kind == Item::State) {
                paintStateSwatch(*painter, swatch, item.state, t);
            } else if (item.kind == Item::Bar) {
                painter->fillRect(swatch, t.notSelected);
            } else {
                painter->setPen(Qt::NoPen);
                painter->setBrush(t.text);
                if (item.kind == Item::Query) {
                    painter->drawRoundedRect(swatch, 2, 2);
                } else {
                    painter->drawEllipse(swatch.center() + QPointF(2, 0), 2, 2);
                }
            }
            painter->setFont(uiFont(12));
            painter->setPen(t.text2);
            painter->drawText(QRect(x + kSwatchWidth + kTextGap, y, textWidth + 4, kRow), Qt::AlignVCenter, item.text);
        }
        x += itemWidth + kItemGap;
    }
    return y + kRow;
}

QSize StateLegend::sizeHint() const
{
    if (m_orientation == Qt::Horizontal) {
        return {480, walk(nullptr, 480)};
    }
    const int text = QFontMetrics(uiFont(12)).horizontalAdvance(stateText(KeyState::SelectedLittle));
    return {kSwatchWidth + kTextGap + text + 4, walk(nullptr, 0)};
}

QSize StateLegend::minimumSizeHint() const { return m_orientation == Qt::Horizontal ? QSize(120, kRow) : sizeHint(); }

void StateLegend::paintEvent(QPaintEvent *)
{
    QPainter painter(this);
    walk(&painter, width());
}

void StateLegend::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::FontChange) {
        update();
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
