#include "widgets/plots/token_strip.h"

#include "widgets/style/fonts.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QEvent>
#include <QFontMetrics>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollArea>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kBoxHeight = 22, kRowGap = 5, kGap = 2, kPad = 4, kTop = 4, kSide = 2;

QFont stripFont() { return monoFont(13); }

/// Text on a filled box.
QColor inkOn(const QColor &fill) { return fill.lightnessF() > 0.45 ? QColor(0x0B, 0x10, 0x17) : QColor(Qt::white); }

} // namespace

TokenStrip::TokenStrip(ViewState *viewState, HoverState *hoverState, QWidget *parent)
    : QWidget(parent)
    , m_viewState(viewState)
    , m_hoverState(hoverState)
{
    setObjectName(QStringLiteral("tokenStrip"));
    setAccessibleName(QStringLiteral("Probe text"));
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
    connect(m_hoverState, &HoverState::changed, this, qOverload<>(&QWidget::update));
    connect(m_viewState, &ViewState::changed, this, qOverload<>(&QWidget::update));
    connect(m_viewState, &ViewState::changed, this, &TokenStrip::showQuery);
}

void TokenStrip::setSnapshot(std::shared_ptr<const Snapshot> snapshot)
{
    const bool sameText =
        snapshot && m_snapshot && snapshot->words == m_snapshot->words && snapshot->tokens == m_snapshot->tokens;
    m_snapshot = std::move(snapshot);
    if (!sameText) {
        m_words.clear();
        for (int i = 0; m_snapshot && i < m_snapshot->length(); ++i) {
            const auto at = static_cast<std::size_t>(i);
            if (at >= m_snapshot->words.size()) {
                m_words.push_back(QString::number(m_snapshot->tokens[at]));
                continue;
            }
            // A leading space is shown by the gap between boxes, not inside the box.
            const std::string &word = m_snapshot->words[at];
            const bool spaced =
                word.size() > 1 && word.front() == ' ' && word.find_first_not_of(' ') != std::string::npos;
            m_words.push_back(shownToken(spaced ? word.substr(word.find_first_not_of(' ')) : word));
        }
        m_boxes = boxesFor(width());
        updateGeometry();
    }
    update();
}

void TokenStrip::setRow(std::shared_ptr<const RowAnswer> row)
{
    m_row = std::move(row);
    update();
}

std::vector<QRect> TokenStrip::boxesFor(int width) const
{
    const QFontMetrics metrics(stripFont());
    std::vector<QRect> boxes;
    boxes.reserve(m_words.size());
    int x = kSide, y = kTop;
    for (std::size_t i = 0; i < m_words.size(); ++i) {
        const int w = metrics.horizontalAdvance(m_words[i]) + 2 * kPad;
        if (x > kSide && x + w > width - kSide) {
            x = kSide;
            y += kBoxHeight + kRowGap;
        }
        boxes.emplace_back(x, y, w, kBoxHeight);
        const bool spaceFollows = m_snapshot && i + 1 < m_snapshot->words.size() &&
                                  m_snapshot->words[i + 1].size() > 1 && m_snapshot->words[i + 1].front() == ' ';
        x += w + kGap + (spaceFollows ? kGap : 0);
    }
    return boxes;
}

int TokenStrip::heightForWidth(int width) const
{
    const std::vector<QRect> boxes = boxesFor(width);
    return boxes.empty() ? kBoxHeight + 2 * kTop : boxes.back().bottom() + 1 + kRowGap;
}

QRect TokenStrip::tokenRect(int position) const
{
    return position >= 0 && position < static_cast<int>(m_boxes.size()) ? m_boxes[static_cast<std::size_t>(position)]
                                                                        : QRect();
}

KeyState TokenStrip::stateOf(int position) const
{
    if (!m_row || position < 0 || position >= static_cast<int>(m_row->row.state.size())) {
        return KeyState::Neither;
    }
    if (!m_row->hasSelection) {
        return position > m_row->request.query ? KeyState::Future : KeyState::Neither;
    }
    return m_row->row.state[static_cast<std::size_t>(position)];
}

void TokenStrip::paintEvent(QPaintEvent *event)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setFont(stripFont());
    const Tokens &t = currentTokens();
    const int query = m_row ? m_row->request.query : -1;
    std::vector<int> needed;
    if (m_snapshot && query >= 0 && query < static_cast<int>(m_snapshot->needed.size())) {
        needed = m_snapshot->needed[static_cast<std::size_t>(query)];
    }
    for (int i = 0; i < static_cast<int>(m_boxes.size()); ++i) {
        const QRectF box = m_boxes[static_cast<std::size_t>(i)];
        if (!box.toAlignedRect().adjusted(-2, -2, 2, 6).intersects(event->rect())) {
            continue;
        }
        QColor ink = t.text2;
        const KeyState state = stateOf(i);
        painter.setPen(Qt::NoPen);
        painter.setBrush(Qt::NoBrush);
        if (i == query) {
            painter.setBrush(t.text);
            painter.drawRoundedRect(box, 3, 3);
            ink = t.panel;
        } else if (state == KeyState::SelectedNeeded || state == KeyState::SelectedLittle ||
                   state == KeyState::FutureSelected) {
            const QColor fill = stateColour(state, t);
            painter.setBrush(fill);
            painter.drawRoundedRect(box, 3, 3);
            ink = inkOn(fill);
        } else if (state == KeyState::Missed) {
            painter.setPen(QPen(t.missed, 2));
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 3, 3);
            ink = t.text;
        } else if (state == KeyState::Future) {
            ink = t.hint;
        }
        painter.setPen(ink);
        painter.drawText(box, Qt::AlignCenter, m_words[static_cast<std::size_t>(i)]);
        if (std::find(needed.begin(), needed.end(), i) != needed.end()) {
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.text);
            painter.drawEllipse(QPointF(box.center().x(), box.bottom() + 2.6), 2, 2);
        }
        if (i == m_hoverState->hover().key) {
            painter.setBrush(Qt::NoBrush);
            painter.setPen(QPen(t.accent, 1.5));
            painter.drawRoundedRect(box.adjusted(-0.8, -0.8, 0.8, 0.8), 3.5, 3.5);
        }
    }
    if (hasFocus()) {
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(t.accent, 1));
        painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
    }
}

void TokenStrip::resizeEvent(QResizeEvent *event)
{
    m_boxes = boxesFor(width());
    QWidget::resizeEvent(event);
}

void TokenStrip::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange || event->type() == QEvent::PaletteChange) {
        update();
    }
    QWidget::changeEvent(event);
}

void TokenStrip::showQuery()
{
    const int query = m_viewState->view().query;
    if (query == m_shownQuery) {
        return;
    }
    m_shownQuery = query;
    const QRect box = tokenRect(query);
    for (QWidget *at = parentWidget(); at != nullptr && !box.isEmpty(); at = at->parentWidget()) {
        if (auto *scroll = qobject_cast<QScrollArea *>(at)) {
            scroll->ensureVisible(box.center().x(), box.center().y(), 0, kBoxHeight);
            return;
        }
    }
}

int TokenStrip::tokenAt(QPoint position) const
{
    for (std::size_t i = 0; i < m_boxes.size(); ++i) {
        if (m_boxes[i].adjusted(-1, -kRowGap / 2, 1, kRowGap / 2).contains(position)) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

void TokenStrip::mousePressEvent(QMouseEvent *event)
{
    const int token = tokenAt(event->position().toPoint());
    if (event->button() == Qt::LeftButton && token >= 0) {
        m_hoverState->clearCell(); // the picked query shows, not the one that was hovered in a map
        m_viewState->setQuery(token);
    }
}

void TokenStrip::mouseMoveEvent(QMouseEvent *event)
{
    const int token = tokenAt(event->position().toPoint());
    if (token < 0 || !m_row) {
        m_hoverState->clearCell();
        return;
    }
    m_hoverState->setCell(m_row->request.query, token);
}

void TokenStrip::leaveEvent(QEvent *event)
{
    m_hoverState->clearCell();
    QWidget::leaveEvent(event);
}

void TokenStrip::keyPressEvent(QKeyEvent *event)
{
    const int last = static_cast<int>(m_words.size()) - 1;
    const int step = event->modifiers() & Qt::ShiftModifier ? 10 : 1;
    const int by = event->key() == Qt::Key_Left || event->key() == Qt::Key_Up      ? -step
                   : event->key() == Qt::Key_Right || event->key() == Qt::Key_Down ? step
                                                                                   : 0;
    if (by == 0 || last < 0) {
        QWidget::keyPressEvent(event);
        return;
    }
    const int now = m_row ? m_row->request.query : last;
    m_viewState->setQuery(std::clamp(now + by, 0, last));
}

} // namespace sparsescope
