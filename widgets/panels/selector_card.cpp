#include "widgets/panels/selector_card.h"

#include "widgets/panels/message_view.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/selector_legend.h"
#include "widgets/plots/selector_plot.h"
#include "widgets/state/number_text.h"

#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSlider>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>

namespace sparsescope {

SelectorCard::SelectorCard(QWidget *parent)
    : QFrame(parent)
    , m_subtitle(makeLabel({}, "sub", this))
    , m_verdict(makeLabel({}, "", this))
    , m_progressWords(makeLabel({}, "sub", this))
    , m_stack(new QStackedWidget(this))
    , m_plot(new SelectorPlot(this))
    , m_legend(new SelectorLegend(this))
    , m_slider(new QSlider(Qt::Horizontal, this))
    , m_message(new MessageView(this))
    , m_measure(new QPushButton(QStringLiteral("Measure"), this))
    , m_cancel(new QPushButton(QStringLiteral("Cancel"), this))
    , m_progress(new QProgressBar(this))
{
    setProperty("role", "card");
    m_verdict->setObjectName(QStringLiteral("counterfactualVerdict"));
    m_verdict->setWordWrap(true);
    m_slider->setObjectName(QStringLiteral("counterfactualK"));
    m_slider->setAccessibleName(QStringLiteral("Keys per query k"));
    m_slider->setPageStep(1);
    m_measure->setObjectName(QStringLiteral("counterfactualMeasure"));
    m_measure->setAccessibleName(m_measure->text());
    m_measure->setToolTip(
        QStringLiteral("Ask the newest checkpoint of every run on this side with the keys of each selector"));
    m_cancel->setObjectName(QStringLiteral("counterfactualCancel"));
    m_cancel->setAccessibleName(m_cancel->text());
    m_progress->setObjectName(QStringLiteral("counterfactualProgress"));
    m_progress->setAccessibleName(QStringLiteral("Measured"));
    m_progress->setTextVisible(false);
    m_progress->setFixedHeight(6);
    m_progress->setRange(0, 1000);
    m_subtitle->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_progressWords->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    auto *head = new QHBoxLayout;
    head->setSpacing(8);
    head->addWidget(makeLabel(QStringLiteral("Which selector?"), "heading", this));
    head->addWidget(m_subtitle, 1);
    head->addWidget(m_progressWords, 1);
    head->addWidget(m_progress);
    head->addWidget(m_cancel);
    head->addWidget(m_measure);
    m_progress->setMaximumWidth(90);
    auto *slide = new QHBoxLayout;
    slide->addWidget(makeLabel(QStringLiteral("k"), "sub", this));
    slide->addWidget(m_slider, 1);
    auto *side = new QVBoxLayout;
    side->setSpacing(8);
    side->addWidget(m_legend);
    side->addWidget(m_verdict);
    side->addLayout(slide);
    side->addStretch(1);
    auto *shown = new QWidget(this);
    auto *row = new QHBoxLayout(shown);
    row->setContentsMargins(0, 0, 4, 0);
    row->setSpacing(12);
    row->addWidget(m_plot, 1);
    row->addLayout(side);
    m_verdict->setFixedWidth(m_legend->sizeHint().width());
    m_stack->addWidget(shown);
    m_stack->addWidget(m_message);
    auto *column = new QVBoxLayout(this);
    column->setContentsMargins(12, 8, 8, 8);
    column->setSpacing(4);
    column->addLayout(head);
    column->addWidget(m_stack, 1);
    connect(m_slider, &QSlider::valueChanged, this, &SelectorCard::showTopK);
    connect(m_plot, &SelectorPlot::topKPicked, this, [this](std::int64_t topK) {
        const auto &all = m_content->selectors.topK;
        m_slider->setValue(static_cast<int>(std::find(all.begin(), all.end(), topK) - all.begin()));
    });
    connect(m_measure, &QPushButton::clicked, this, [this] {
        m_failure.clear();
        Q_EMIT measureRequested();
    });
    connect(m_cancel, &QPushButton::clicked, this, &SelectorCard::cancelRequested);
    showState();
}

void SelectorCard::setContent(std::shared_ptr<const CompareContent> content)
{
    const std::int64_t before = m_plot->topK();
    m_content = std::move(content);
    m_plot->setContent(m_content);
    const SelectorCurves &curves = m_content->selectors;
    {
        const QSignalBlocker quiet(m_slider);
        m_slider->setRange(0, std::max(0, static_cast<int>(curves.topK.size()) - 1));
        // The k that was shown, else that of the run, else the middle.
        auto at = std::find(curves.topK.begin(), curves.topK.end(), before);
        const std::optional<SideData> &side =
            curves.side == QLatin1String("B") ? m_content->input.b : m_content->input.a;
        if (at == curves.topK.end() && side) {
            at = std::find(curves.topK.begin(), curves.topK.end(),
                           side->runs.front().compared.started.config.topK());
        }
        m_slider->setValue(at == curves.topK.end() ? static_cast<int>(curves.topK.size() / 2)
                                                   : static_cast<int>(at - curves.topK.begin()));
    }
    showTopK();
    showState();
}

void SelectorCard::showTopK()
{
    if (!m_content || m_content->selectors.topK.empty()) {
        return;
    }
    const SelectorCurves &curves = m_content->selectors;
    const std::int64_t topK = curves.topK[static_cast<std::size_t>(m_slider->value())];
    m_plot->setTopK(topK);
    m_legend->setCurves(curves, topK);
    m_verdict->setText(selectorVerdict(curves, topK));
}

void SelectorCard::setMeasurable(bool possible, const QString &why)
{
    if (possible == m_measurable && why == m_why) {
        return;
    }
    m_measurable = possible;
    m_why = why;
    showState();
}

void SelectorCard::setMeasuring(const QString &what, double share)
{
    m_measuring = what;
    m_progress->setValue(static_cast<int>(1000 * share));
    showState();
}

void SelectorCard::setFailure(const QString &reason)
{
    m_failure = reason;
    showState();
}

void SelectorCard::showState()
{
    const bool measuring = !m_measuring.isEmpty();
    const bool curves = m_content && !m_content->selectors.curves.empty();
    m_progressWords->setVisible(measuring);
    m_progressWords->setText(m_measuring);
    m_progress->setVisible(measuring);
    m_cancel->setVisible(measuring);
    m_measure->setVisible(m_measurable && !measuring);
    m_measure->setText(curves ? QStringLiteral("Measure again") : QStringLiteral("Measure"));
    m_measure->setAccessibleName(m_measure->text());
    m_subtitle->setVisible(!measuring);
    m_stack->setCurrentIndex(curves ? 0 : 1);
    if (curves) {
        const SelectorCurves &shown = m_content->selectors;
        QString words = QStringLiteral("%1 frozen at step %2")
                            .arg(shown.side, countText(shown.tables.front().step));
        if (shown.tables.size() > 1) {
            words += QStringLiteral(", mean of %1 runs").arg(shown.tables.size());
        }
        m_subtitle->setText(m_failure.isEmpty() ? words : m_failure);
        m_subtitle->setToolTip(m_failure);
        return;
    }
    m_subtitle->clear();
    const QString fault = !m_failure.isEmpty() ? m_failure : m_content ? m_content->selectors.fault : QString();
    if (!fault.isEmpty()) {
        m_message->setMessage(MessageView::Mood::Failed, QStringLiteral("The selectors could not be shown"), fault);
    } else if (measuring) {
        m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("Measuring"), m_measuring);
    } else {
        m_message->setMessage(MessageView::Mood::Info, QStringLiteral("Not measured yet"), m_why);
    }
}

} // namespace sparsescope
