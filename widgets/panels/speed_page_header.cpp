#include "widgets/panels/speed_page.h"

#include "widgets/style/combo_box.h"
#include "widgets/style/theme.h"

#include <QButtonGroup>
#include <QComboBox>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>

/// The row above the Speed page: which measurement, in which direction and precision.
namespace sparsescope {

namespace {

/// "64x128-e4m3": its heads, and the precision of their products, which is bf16 where none is named.
std::pair<std::string, std::string> indexerOf(const BenchDocument &document)
{
    const std::size_t dash = document.indexer.find('-');
    return {document.indexer.substr(0, dash), dash == std::string::npos ? "" : document.indexer.substr(dash + 1)};
}

} // namespace

QWidget *SpeedPage::buildHeader()
{
    auto *bar = new QFrame(this);
    setRole(bar, "card");
    auto *column = new QVBoxLayout(bar);
    column->setContentsMargins(12, 6, 12, 6);
    column->setSpacing(4);
    auto *row = new QHBoxLayout;
    m_firstRow = row;
    m_secondRow = new QHBoxLayout;
    m_secondRow->setSpacing(8);
    m_secondRow->addStretch();
    column->addLayout(row);
    column->addLayout(m_secondRow);
    column->addWidget(m_remark);
    row->setSpacing(8);
    m_chosen->setObjectName(QStringLiteral("kernelModelCombo"));
    m_chosen->setAccessibleName(QStringLiteral("Measurement"));
    m_chosen->fitContents();
    m_precision->fitContents();
    m_precision->setObjectName(QStringLiteral("precisionCombo"));
    m_precision->setAccessibleName(m_precisionLabel->text());
    m_precision->setToolTip(QStringLiteral("Of the indexer's products; those that were measured of this layer"));
    m_directions->setObjectName(QStringLiteral("directionSwitch"));
    auto *directions = new QHBoxLayout(m_directions);
    directions->setContentsMargins(0, 0, 0, 0);
    directions->setSpacing(0);
    for (const auto &[id, words, edge] : {std::tuple(0, "Forward", "l"), std::tuple(1, "Forward + backward", "r")}) {
        auto *button = new QPushButton(QString::fromLatin1(words), m_directions);
        button->setCheckable(true);
        button->setProperty("edge", edge);
        button->setAccessibleName(button->text());
        setRole(button, "seg");
        m_directionGroup->addButton(button, id);
        setTabOrder(id == 0 ? static_cast<QWidget *>(m_chosen) : m_directionGroup->button(0), button);
        directions->addWidget(button);
    }
    row->addWidget(m_chosenLabel);
    row->addWidget(m_chosen);
    row->addWidget(m_directions);
    row->addWidget(m_precisionLabel);
    row->addWidget(m_precision);
    setTabOrder(m_directionGroup->button(1), m_precision);
    row->addStretch();
    row->addWidget(m_measured);
    const auto named = [](QWidget *widget, const char *name, const QString &words) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(words);
    };
    named(m_measure, "measureButton", m_measure->text());
    named(m_cancel, "measureCancel", m_cancel->text());
    named(m_progress, "measureProgress", QStringLiteral("Measured"));
    m_progress->setTextVisible(false);
    m_progress->setFixedSize(120, 6);
    m_progress->setRange(0, 1000);
    m_progressWords->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_progressWords->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    setRole(m_measure, "primary");
    row->addWidget(m_progressWords, 1);
    row->addWidget(m_progress);
    row->addWidget(m_measure);
    row->addWidget(m_cancel);
    named(m_remark, "measureRemark", QStringLiteral("Why nothing is measured here"));
    m_remark->setWordWrap(true);
    m_remark->hide();
    setMeasuring({}, 0);
    return bar;
}

/// What has no room in one row goes below it; nothing is cut.
void SpeedPage::foldHeader()
{
    if (m_firstRow == nullptr || m_secondRow == nullptr) {
        return;
    }
    constexpr int kAround = 2 * (8 + 12) + 2;
    int wanted = kAround;
    for (QWidget *widget : std::initializer_list<QWidget *>{m_chosenLabel, m_chosen, m_directions, m_precisionLabel,
                                                            m_precision, m_measured, m_measure}) {
        wanted += widget->isHidden() ? 0 : widget->sizeHint().width() + m_firstRow->spacing();
    }
    const bool folded = wanted > width();
    if (folded == (m_secondRow->indexOf(m_measured) >= 0)) {
        return;
    }
    QHBoxLayout *to = folded ? m_secondRow : m_firstRow;
    const int before = folded ? 0 : m_firstRow->indexOf(m_directions) + 1;
    int place = before;
    for (QWidget *widget : std::initializer_list<QWidget *>{m_precisionLabel, m_precision}) {
        (folded ? m_firstRow : m_secondRow)->removeWidget(widget);
        to->insertWidget(place++, widget);
    }
    (folded ? m_firstRow : m_secondRow)->removeWidget(m_measured);
    to->insertWidget(place + 1, m_measured); // behind the stretch
}

void SpeedPage::showDirections()
{
    const int index = m_chosen->currentIndex();
    const bool core = m_content && m_content->atLength();
    m_directions->setVisible(core);
    showPrecisions();
    if (!core) {
        return;
    }
    for (int training = 0; training < 2; ++training) {
        const std::string direction = training ? "training" : "forward";
        const bool here = m_content->document->direction == direction;
        QAbstractButton *button = m_directionGroup->button(training);
        button->setChecked(here);
        button->setEnabled(here || counterpart(index, direction, indexerOf(*m_content->document).second) >= 0);
        button->setToolTip(button->isEnabled() ? QString() : QStringLiteral("No such measurement is open"));
    }
}

void SpeedPage::showPrecisions()
{
    const bool core = m_content && m_content->atLength();
    m_precision->setVisible(core);
    m_precisionLabel->setVisible(core);
    m_precision->clear();
    if (core) {
        const BenchDocument &shown = *m_content->document;
        for (const char *precision : {"", "e4m3"}) {
            if (counterpart(m_chosen->currentIndex(), shown.direction, precision) >= 0) {
                m_precision->addItem(*precision == 0 ? QStringLiteral("bf16") : QStringLiteral("bf16, fp8 indexer"),
                                     QString::fromLatin1(precision));
            }
        }
        m_precision->setCurrentIndex(m_precision->findData(QString::fromStdString(indexerOf(shown).second)));
        m_precision->setEnabled(m_precision->count() > 1);
    }
    foldHeader();
}

int SpeedPage::counterpart(int index, const std::string &direction, const std::string &precision) const
{
    const BenchDocument &of = *m_documents[static_cast<std::size_t>(index)];
    for (std::size_t i = 0; i < m_documents.size(); ++i) {
        const BenchDocument &other = *m_documents[i];
        if (indexerOf(other) == std::pair(indexerOf(of).first, precision) && other.machine == of.machine &&
            other.direction == direction) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

void SpeedPage::chooseDirection(int training)
{
    change(counterpart(m_chosen->currentIndex(), training ? "training" : "forward",
                       indexerOf(*m_content->document).second));
}

void SpeedPage::change(int index)
{
    const int point = m_point;
    if (index >= 0 && index != m_chosen->currentIndex()) {
        m_chosen->setCurrentIndex(index);
        setPoint(std::min(point, static_cast<int>(m_content->points.size()) - 1)); // the same context again
    }
}

} // namespace sparsescope
