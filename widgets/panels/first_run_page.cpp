#include "widgets/panels/first_run_page.h"

#include "widgets/style/fonts.h"
#include "widgets/style/icons.h"
#include "widgets/style/marks.h"
#include "widgets/style/theme.h"

#include <QFrame>
#include <QHBoxLayout>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QVBoxLayout>

#include <cmath>

namespace sparsescope {

namespace {

enum class Picture { Demo, Families, Folders };

/// Drawn, not measured: what the card leads to, in the colours of the theme.
class CardPicture : public QWidget {
public:
    CardPicture(Picture picture, QWidget *parent)
        : QWidget(parent)
        , m_picture(picture)
    {
        setFixedHeight(150);
    }

protected:
    void paintEvent(QPaintEvent *) override
    {
        const Tokens &t = currentTokens();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(t.alternate);
        painter.drawRoundedRect(rect(), 4, 4);
        switch (m_picture) {
        case Picture::Demo:
            demo(painter, t);
            break;
        case Picture::Families:
            families(painter, t);
            break;
        case Picture::Folders:
            folders(painter, t);
            break;
        }
    }

private:
    static void curve(QPainter &painter, const QRectF &box, const QColor &colour, double decay, double floor)
    {
        QPolygonF line;
        for (int at = 0; at <= 48; ++at) {
            const double x = at / 48.0;
            line << QPointF(box.left() + x * box.width(),
                            box.bottom() - box.height() * (floor + (1 - floor) * std::exp(-decay * x)));
        }
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(colour, 2, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
        painter.drawPolyline(line);
    }

    void demo(QPainter &painter, const Tokens &t) const
    {
        const double half = width() / 2.0;
        const QRectF plot(28, 18, half - 52, 112);
        curve(painter, plot, t.dsa, 5.0, 0.12);
        curve(painter, plot, t.classic, 6.0, 0.05);
        // A causal selection of a few keys each row: near ones, and columns that everybody needs.
        constexpr int kCells = 24;
        constexpr double cell = 5;
        const QPointF corner(std::floor(half + (half - cell * kCells) / 2), 15);
        painter.setRenderHint(QPainter::Antialiasing, false); // else seams show between the cells
        for (int row = 0; row < kCells; ++row) {
            for (int column = 0; column < kCells; ++column) {
                const bool column1 = column == 3 || column == 9 || column == 14;
                const bool near = row - column < 3;
                const unsigned mixed = static_cast<unsigned>(row * 73856093 ^ column * 19349663) >> 4;
                const bool chosen = row < 7 || near || (column1 && mixed % 5 != 0) || mixed % 11 == 0;
                QColor colour = column > row                 ? t.future
                                : !chosen                    ? t.panel
                                : column1 || near || row < 7 ? t.selectedNeeded
                                                             : t.selectedLittle;
                if (column < row && !chosen && mixed % 23 == 1) {
                    colour = t.missed;
                }
                painter.fillRect(QRectF(corner.x() + column * cell, corner.y() + row * cell, cell + 0.1, cell + 0.1),
                                 colour);
            }
        }
    }

    void families(QPainter &painter, const Tokens &t) const
    {
        constexpr Family kAll[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};
        double longest = 0;
        for (const Family family : kAll) {
            longest = std::max(longest, chipSize(QString::fromStdString(displayName(family))).width());
        }
        constexpr double kGap = 10, kEdge = 16, kAroundChip = 16;
        const bool narrow = (width() - 2 * kEdge - 3 * kGap) / 4 < longest + kAroundChip;
        const int columns = narrow ? 2 : 4;
        const double wide = (width() - 2 * kEdge - (columns - 1) * kGap) / columns, high = narrow ? 58 : 90;
        const double top = narrow ? 12 : 30;
        for (int index = 0; index < 4; ++index) {
            const QRectF box(kEdge + index % columns * (wide + kGap), top + index / columns * (high + kGap), wide,
                             high);
            painter.setPen(t.border);
            painter.setBrush(t.panel);
            painter.drawRoundedRect(box, 4, 4);
            const QString words = QString::fromStdString(displayName(kAll[index]));
            const QSizeF chip = chipSize(words);
            paintChip(painter, QRectF(QPointF(box.center().x() - chip.width() / 2, box.top() + 9), chip), words, t,
                      kAll[index]);
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.grid);
            constexpr double kLengths[] = {0.78, 0.5, 0.66};
            for (int line = 0; line < (narrow ? 1 : 3); ++line) {
                painter.drawRoundedRect(
                    QRectF(box.left() + 8, box.top() + 38 + 16 * line, (wide - 16) * kLengths[line], 7), 3, 3);
            }
        }
    }

    void folders(QPainter &painter, const Tokens &t) const
    {
        const Family kRows[] = {Family::Sparse, Family::Classic, Family::Sparse};
        constexpr double kLengths[] = {0.5, 0.36, 0.43};
        for (int row = 0; row < 3; ++row) {
            const QRectF box(30, 24 + 36 * row, width() - 60, 28);
            painter.setPen(t.border);
            painter.setBrush(t.panel);
            painter.drawRoundedRect(box, 4, 4);
            paintIcon(painter, QRectF(box.left() + 10, box.center().y() - 7, 14, 14), Icon::Folder, t.text2, t.panel);
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.grid);
            painter.drawRoundedRect(QRectF(box.left() + 34, box.center().y() - 4, box.width() * kLengths[row], 8), 4,
                                    4);
            curve(painter, QRectF(box.right() - 52, box.top() + 6, 42, 16), familyColour(kRows[row], t), 6, 0.05);
        }
    }

    Picture m_picture;
};

QLabel *label(const QString &text, const char *role, QWidget *parent, bool wrap = false)
{
    auto *label = new QLabel(text, parent);
    label->setWordWrap(wrap);
    setRole(label, role);
    return label;
}

QFrame *card(const char *name, Picture picture, const QString &title, const QString &words, QLabel *foot,
             QPushButton *button, QWidget *parent)
{
    auto *frame = new QFrame(parent);
    frame->setObjectName(QLatin1String(name));
    setRole(frame, "card");
    frame->setMaximumWidth(404);
    frame->setMinimumWidth(280);
    auto *layout = new QVBoxLayout(frame);
    layout->setContentsMargins(20, 20, 20, 18);
    layout->setSpacing(8);
    layout->addWidget(new CardPicture(picture, frame));
    layout->addSpacing(2);
    layout->addWidget(label(title, "title", frame));
    QLabel *body = label(words, "sub", frame, true);
    body->setMinimumHeight(66);
    body->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    layout->addWidget(body);
    layout->addStretch(1);
    foot->setParent(frame);
    setRole(foot, "hint");
    layout->addWidget(foot);
    button->setParent(frame);
    button->setAccessibleName(button->text());
    layout->addWidget(button);
    return frame;
}

/// Caps and words of one shortcut.
QWidget *keyHint(const QString &keys, const QString &words, QWidget *parent)
{
    class Cap : public QLabel {
    public:
        using QLabel::QLabel;

    protected:
        void paintEvent(QPaintEvent *event) override
        {
            const Tokens &t = currentTokens();
            QPainter painter(this);
            painter.setRenderHint(QPainter::Antialiasing);
            painter.setPen(t.border);
            painter.setBrush(t.panel);
            painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
            painter.end();
            QLabel::paintEvent(event);
        }
    };
    auto *box = new QWidget(parent);
    auto *layout = new QHBoxLayout(box);
    layout->setContentsMargins(0, 0, 14, 0);
    layout->setSpacing(8);
    auto *cap = new Cap(keys, box);
    cap->setContentsMargins(9, 2, 9, 2);
    setRole(cap, "mono");
    layout->addWidget(cap);
    layout->addWidget(label(words, "sub", box));
    return box;
}

} // namespace

FirstRunPage::FirstRunPage(QWidget *parent)
    : QWidget(parent)
    , m_notice(new QFrame(this))
    , m_demoSize(new QLabel)
{
    setObjectName(QStringLiteral("pageFirstRun"));
    setRole(this, "page");
    auto *demo = new QPushButton(QStringLiteral("Run the demo"));
    demo->setObjectName(QStringLiteral("demoButton"));
    demo->setIcon(makeIcon(Icon::Start, IconRole::OnAccent));
    setRole(demo, "primary");
    auto *preset = new QPushButton(QStringLiteral("Choose a preset…"));
    preset->setObjectName(QStringLiteral("presetButton"));
    preset->setIcon(makeIcon(Icon::Add));
    auto *open = new QPushButton(QStringLiteral("Open…"));
    open->setObjectName(QStringLiteral("openButton"));
    open->setIcon(makeIcon(Icon::Folder));
    connect(demo, &QPushButton::clicked, this, &FirstRunPage::demoRequested);
    connect(preset, &QPushButton::clicked, this, &FirstRunPage::presetRequested);
    connect(open, &QPushButton::clicked, this, &FirstRunPage::openRequested);

    auto *cards = new QHBoxLayout;
    cards->setSpacing(20);
    cards->addWidget(
        card("demoCard", Picture::Demo, QStringLiteral("Watch an indexer learn"),
             QStringLiteral(
                 "Trains all four families side by side on a generated recall task. Curves, indexer heatmaps and "
                 "selection masks update as it learns."),
             m_demoSize, demo, this),
        4);
    cards->addWidget(card("presetCard", Picture::Families, QStringLiteral("New experiment from preset"),
                          QStringLiteral("Pick a family and a size, add a text file and seeds, and queue the runs. "
                                         "Every field is checked before you start."),
                          new QLabel(QStringLiteral("Classic, DSA, MHLA, MHLA+DSA")), preset, this),
                     4);
    cards->addWidget(
        card("openCard", Picture::Folders, QStringLiteral("Open runs or a checkpoint"),
             QStringLiteral("Open the folder of a run, of an experiment, or of a Hugging Face checkpoint. You can also "
                            "drop it on this window, or a CSV of metrics."),
             new QLabel(QStringLiteral("Run folders, checkpoints, CSV files")), open, this),
        4);

    setRole(m_notice, "info");
    auto *noticeLayout = new QVBoxLayout(m_notice);
    noticeLayout->setContentsMargins(16, 9, 16, 9);
    noticeLayout->setSpacing(1);
    noticeLayout->addWidget(
        label(QStringLiteral("No CUDA device found. Everything works on the CPU, only slower."), "heading", m_notice));
    noticeLayout->addWidget(
        label(QStringLiteral("The demo and presets up to 3 M parameters are quick here."), "sub", m_notice));
    m_notice->hide();

    auto *keys = new QHBoxLayout;
    keys->setSpacing(4);
    constexpr std::pair<const char *, const char *> kKeys[] = {
        {"Ctrl+1 to 4", "switch page"}, {"Ctrl+N", "new experiment"}, {"Ctrl+Return", "start the queue"},
        {"F6", "pause or resume"},    {"[  and  ]", "snapshots"},   {"F1", "all shortcuts"}};
    for (const auto &[cap, words] : kKeys) {
        keys->addWidget(keyHint(QString::fromUtf8(cap), QString::fromUtf8(words), this));
    }
    keys->addStretch(1);

    auto *column = new QVBoxLayout;
    column->setSpacing(0);
    auto *heading = label(QStringLiteral("Train sparse attention, and see what it selects"), "display", this);
    heading->setAlignment(Qt::AlignCenter);
    auto *hint =
        label(QStringLiteral("Start with one of these. You can do all of it later from the File menu."), "sub", this);
    hint->setAlignment(Qt::AlignCenter);
    column->addStretch(3);
    column->addWidget(heading);
    column->addSpacing(8);
    column->addWidget(hint);
    column->addSpacing(24);
    column->addLayout(cards);
    column->addSpacing(24);
    column->addWidget(m_notice);
    column->addSpacing(24);
    column->addWidget(label(QStringLiteral("Keys worth knowing"), "heading", this));
    column->addSpacing(6);
    column->addLayout(keys);
    column->addStretch(5);
    auto *inner = new QWidget(this);
    inner->setMaximumWidth(1252);
    inner->setLayout(column);
    auto *layout = new QHBoxLayout(this);
    layout->setContentsMargins(24, 12, 24, 12);
    layout->addStretch(1);
    layout->addWidget(inner, 1000);
    layout->addStretch(1);
}

void FirstRunPage::setCpuOnly(bool cpuOnly) { m_notice->setVisible(cpuOnly); }

void FirstRunPage::setDemoSize(const QString &words) { m_demoSize->setText(words); }

} // namespace sparsescope
