#include "widgets/panels/message_view.h"

#include "widgets/style/theme.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

namespace sparsescope {

namespace {

constexpr int kSignSize = 26, kTextWidth = 380;

} // namespace

MessageView::MessageView(QWidget *parent)
    : QWidget(parent)
    , m_ways(new QHBoxLayout)
    , m_sign(new QLabel(this))
    , m_title(new QLabel(this))
    , m_text(new QLabel(this))
{
    m_title->setProperty("role", "title");
    m_text->setProperty("role", "sub");
    m_text->setWordWrap(true);
    m_text->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_text->setMaximumWidth(kTextWidth);
    auto *column = new QVBoxLayout(this);
    column->setSpacing(8);
    column->addStretch();
    column->addWidget(m_sign, 0, Qt::AlignHCenter);
    column->addWidget(m_title, 0, Qt::AlignHCenter);
    auto *centred = new QHBoxLayout;
    centred->addStretch();
    centred->addWidget(m_text, 1);
    centred->addStretch();
    column->addLayout(centred);
    m_ways->setSpacing(8);
    column->addLayout(m_ways);
    column->addStretch();
}

void MessageView::setMessage(Mood mood, const QString &title, const QString &text)
{
    m_mood = mood;
    m_title->setText(title);
    m_text->setText(text);
    m_text->setVisible(!text.isEmpty());
    setAccessibleName(title);
    setAccessibleDescription(text);
    drawSign();
}

void MessageView::setWays(std::vector<Way> ways)
{
    while (QLayoutItem *item = m_ways->takeAt(0)) {
        if (item->widget() != nullptr) {
            item->widget()->hide();
            item->widget()->deleteLater(); // it may be the one that was just pressed
        }
        delete item;
    }
    m_ways->addStretch();
    for (const Way &way : ways) {
        auto *button = new QPushButton(way.words, this);
        button->setObjectName(QLatin1String(way.name));
        button->setAccessibleName(way.words);
        setRole(button, &way == &ways.front() ? "primary" : "");
        connect(button, &QPushButton::clicked, this, way.take);
        m_ways->addWidget(button);
    }
    m_ways->addStretch();
}

void MessageView::drawSign()
{
    const Tokens &t = currentTokens();
    const qreal dpr = devicePixelRatioF();
    QPixmap pixmap(QSize(kSignSize, kSignSize) * dpr);
    pixmap.setDevicePixelRatio(dpr);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    const Icon icon = m_mood == Mood::Info ? Icon::Info : m_mood == Mood::Failed ? Icon::Failed : Icon::Clock;
    const QColor colour = m_mood == Mood::Info ? t.accent : m_mood == Mood::Failed ? t.failed : t.text2;
    paintIcon(painter, QRectF(0, 0, kSignSize, kSignSize), icon, colour, t.panel);
    painter.end();
    m_sign->setPixmap(pixmap);
}

void MessageView::changeEvent(QEvent *event)
{
    if (event->type() == QEvent::StyleChange) {
        drawSign();
    }
    QWidget::changeEvent(event);
}

} // namespace sparsescope
