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

/// Tinted ground and sign of its kind, in the colours of the theme that is on.
class Bar : public QFrame {
public:
    Bar(NoticeBar::Kind kind, QWidget *parent)
        : QFrame(parent)
        , m_kind(kind)
    {}

protected:
    void paintEvent(QPaintEvent *) override
    {
        const Tokens &t = currentTokens();
        const QColor ink = m_kind == NoticeBar::Kind::Failed  ? t.failed
                           : m_kind == NoticeBar::Kind::Check ? t.check
                                                              : t.accent;
        const QColor ground = m_kind == NoticeBar::Kind::Failed  ? t.failedTint
                              : m_kind == NoticeBar::Kind::Check ? t.checkTint
                                                                 : t.infoTint;
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(ink);
        painter.setBrush(ground);
        painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6);
        const Icon sign = m_kind == NoticeBar::Kind::Failed  ? Icon::Failed
                          : m_kind == NoticeBar::Kind::Check ? Icon::Check
                                                             : Icon::Info;
        paintIcon(painter, QRectF(14, height() / 2.0 - 8, 16, 16), sign, ink, ground);
    }

private:
    NoticeBar::Kind m_kind;
};

} // namespace

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
    auto *bar = new Bar(kind, this);
    bar->setProperty("noticeId", id);
    bar->setAccessibleName(cause);
    auto *causeLabel = new QLabel(cause, bar);
    setRole(causeLabel, "heading");
    causeLabel->setWordWrap(true);
    auto *words = new QVBoxLayout;
    words->setSpacing(1);
    words->addWidget(causeLabel);
    if (!consequence.isEmpty()) {
        auto *consequenceLabel = new QLabel(consequence, bar);
        setRole(consequenceLabel, "sub");
        consequenceLabel->setWordWrap(true);
        words->addWidget(consequenceLabel);
    }
    auto *layout = new QHBoxLayout(bar);
    layout->setContentsMargins(42, 7, 10, 7);
    layout->setSpacing(8);
    layout->addLayout(words, 1);
    for (Remedy &remedy : remedies) {
        auto *button = new QPushButton(remedy.text, bar);
        button->setAccessibleName(remedy.text);
        connect(button, &QPushButton::clicked, this, [run = std::move(remedy.run)] { run(); });
        layout->addWidget(button);
    }
    auto *close = new QPushButton(QStringLiteral("Close"), bar);
    close->setAccessibleName(QStringLiteral("Close this notice"));
    connect(close, &QPushButton::clicked, this, [this, id] { remove(id); });
    layout->addWidget(close);
    m_layout->insertWidget(0, bar);
    m_bars.insert(m_bars.begin(), bar);
    while (m_bars.size() > kMost) {
        m_bars.back()->deleteLater();
        m_bars.pop_back();
    }
    show();
}

void NoticeBar::remove(const QString &id)
{
    const auto found =
        std::find_if(m_bars.begin(), m_bars.end(), [&](const QFrame *bar) { return bar->property("noticeId") == id; });
    if (found != m_bars.end()) {
        (*found)->hide();
        (*found)->deleteLater();
        m_bars.erase(found);
        setVisible(!m_bars.empty());
    }
}

QString NoticeBar::newest() const { return m_bars.empty() ? QString() : m_bars.front()->accessibleName(); }

} // namespace sparsescope
