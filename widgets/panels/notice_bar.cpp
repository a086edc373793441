#include "widgets/panels/notice_bar.h"

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>

#include <algorithm>

namespace sparsescope {

namespace {

constexpr int kMost = 3;
constexpr int kLow = 860; ///< px of window height below which there is no room for three whole bars

} // namespace

/// Tinted ground and sign of its kind, in the colours of the theme that is on.
class NoticeBar::Bar : public QFrame {
public:
    Bar(Kind kind, const QString &cause, const QString &consequence, QWidget *parent)
        : QFrame(parent)
        , m_kind(kind)
        , m_text(consequence)
        , m_consequence(new QLabel(consequence, this))
        , m_row(new QBoxLayout(QBoxLayout::LeftToRight, this))
        , m_buttons(new QHBoxLayout)
    {
        setAccessibleName(cause);
        auto *causeLabel = new QLabel(cause, this);
        setRole(causeLabel, "heading");
        causeLabel->setWordWrap(true);
        setRole(m_consequence, "sub");
        m_consequence->setWordWrap(true);
        auto *words = new QVBoxLayout;
        words->setSpacing(1);
        words->addWidget(causeLabel);
        words->addWidget(m_consequence);
        m_row->setContentsMargins(kTextLeft, 7, kMargin, 7);
        m_row->setSpacing(8);
        m_row->addLayout(words, 1);
        m_row->addLayout(m_buttons);
        m_buttons->setSpacing(8);
    }
    void add(QPushButton *button, bool remedy)
    {
        m_buttons->addWidget(button);
        if (remedy) {
            m_remedies.push_back(button);
        }
    }
    /// `width` of the bar; `causeAlone`: no consequence, no remedies.
    void arrange(int width, bool causeAlone)
    {
        const bool narrow = width < kNarrow && !causeAlone;
        m_row->setDirection(narrow ? QBoxLayout::TopToBottom : QBoxLayout::LeftToRight);
        m_buttons->setAlignment(narrow ? Qt::AlignRight : Qt::Alignment());
        const int room = kLines * (width - kTextLeft - kMargin) * 9 / 10; // lines break at words
        const QString shown = narrow ? m_consequence->fontMetrics().elidedText(m_text, Qt::ElideRight, room) : m_text;
        m_consequence->setText(shown);
        m_consequence->setToolTip(shown == m_text ? QString() : m_text);
        m_consequence->setVisible(!causeAlone && !m_text.isEmpty());
        for (QPushButton *button : m_remedies) {
            button->setVisible(!causeAlone);
        }
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        const Tokens &t = currentTokens();
        const QColor ink = m_kind == Kind::Failed ? t.failed : m_kind == Kind::Check ? t.check : t.accent;
        const QColor ground = m_kind == Kind::Failed ? t.failedTint : m_kind == Kind::Check ? t.checkTint : t.infoTint;
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(ink);
        painter.setBrush(ground);
        painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6);
        const Icon sign = m_kind == Kind::Failed ? Icon::Failed : m_kind == Kind::Check ? Icon::Check : Icon::Info;
        paintIcon(painter, QRectF(14, height() / 2.0 - 8, 16, 16), sign, ink, ground);
    }

private:
    static constexpr int kTextLeft = 42, kMargin = 10, kNarrow = 760, kLines = 2;

    Kind m_kind;
    QString m_text;
    QLabel *m_consequence;
    QBoxLayout *m_row;
    QHBoxLayout *m_buttons;
    std::vector<QPushButton *> m_remedies;
};

NoticeBar::NoticeBar(QWidget *parent)
    : QWidget(parent)
    , m_layout(new QVBoxLayout(this))
{
    setObjectName(QStringLiteral("noticeBar"));
    setAccessibleName(QStringLiteral("Notices"));
    m_layout->setContentsMargins(6, 6, 6, 0);
    m_layout->setSpacing(6);
    hide();
}

void NoticeBar::post(const QString &id, Kind kind, const QString &cause, const QString &consequence,
                     std::vector<Remedy> remedies)
{
    remove(id);
    auto *bar = new Bar(kind, cause, consequence, this);
    bar->setProperty("noticeId", id);
    for (Remedy &remedy : remedies) {
        auto *button = new QPushButton(remedy.text, bar);
        button->setAccessibleName(remedy.text);
        connect(button, &QPushButton::clicked, this, [run = std::move(remedy.run)] { run(); });
        bar->add(button, true);
    }
    auto *close = new QPushButton(QStringLiteral("Close"), bar);
    close->setAccessibleName(QStringLiteral("Close this notice"));
    connect(close, &QPushButton::clicked, this, [this, id] { remove(id); });
    bar->add(close, false);
    m_layout->insertWidget(0, bar);
    m_bars.insert(m_bars.begin(), bar);
    while (m_bars.size() > kMost) {
        m_bars.back()->deleteLater();
        m_bars.pop_back();
    }
    arrange();
    show();
}

void NoticeBar::arrange()
{
    const QMargins margins = m_layout->contentsMargins();
    const bool low = window()->height() < kLow;
    for (std::size_t i = 0; i < m_bars.size(); ++i) {
        m_bars[i]->arrange(width() - margins.left() - margins.right(), low && i > 0);
    }
}

void NoticeBar::resizeEvent(QResizeEvent *event)
{
    QWidget::resizeEvent(event);
    arrange();
}

void NoticeBar::remove(const QString &id)
{
    const auto found =
        std::find_if(m_bars.begin(), m_bars.end(), [&](const Bar *bar) { return bar->property("noticeId") == id; });
    if (found != m_bars.end()) {
        (*found)->hide();
        (*found)->deleteLater();
        m_bars.erase(found);
        arrange();
        setVisible(!m_bars.empty());
    }
}

QString NoticeBar::newest() const { return m_bars.empty() ? QString() : m_bars.front()->accessibleName(); }

} // namespace sparsescope
