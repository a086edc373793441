#include "app/checkpoint_dialog.h"

#include "app/fresh_folder.h"
#include "core/base/error.h"
#include "core/probe/text_reader.h"
#include "widgets/panels/message_view.h"
#include "widgets/panels/role_label.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/screen_room.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QRegularExpression>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <algorithm>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace sparsescope {

namespace {

constexpr int kWidth = 620;

const char *const kSample =
    "The key of the red door is 7. The key of the blue door is 4. The key of the green door is 9.\n"
    "Which key opens the red door? The key of the red door is";

QString nameOf(const std::filesystem::path &checkpoint)
{
    return QString::fromStdString(checkpoint.filename().string());
}

} // namespace

CheckpointDialog::CheckpointDialog(std::filesystem::path checkpoint, std::filesystem::path out, QWidget *parent)
    : QDialog(parent)
    , m_checkpoint(std::move(checkpoint))
    , m_out(std::move(out))
    , m_stack(new QStackedWidget(this))
    , m_message(new MessageView(this))
    , m_title(makeLabel(nameOf(m_checkpoint), "title", this))
    , m_subtitle(makeLabel({}, "sub", this))
    , m_facts(makeLabel({}, "sub", this))
    , m_textLabel(makeLabel({}, "sub", this))
    , m_hint(makeLabel({}, "hint", this))
    , m_fault(makeLabel({}, "fault", this))
    , m_reading(new ComboBox(this))
    , m_layer(new ComboBox(this))
    , m_text(new QPlainTextEdit(this))
    , m_progress(new QProgressBar(this))
    , m_start(new QPushButton(QStringLiteral("Look at the text"), this))
    , m_cancel(new QPushButton(QStringLiteral("Cancel"), this))
{
    setObjectName(QStringLiteral("checkpointDialog"));
    setWindowTitle(QStringLiteral("Open checkpoint"));
    setAttribute(Qt::WA_DeleteOnClose);
    resizeWithinScreen(this, {kWidth, 560});
    const auto named = [](QWidget *widget, const char *name, const QString &words) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(words);
    };
    m_message->setObjectName(QStringLiteral("checkpointMessage"));
    named(m_reading, "checkpointReading", QStringLiteral("Read as"));
    named(m_layer, "checkpointLayer", QStringLiteral("Layer"));
    named(m_text, "checkpointText", QStringLiteral("Text"));
    named(m_progress, "checkpointProgress", QStringLiteral("Progress"));
    named(m_start, "checkpointLook", m_start->text());
    named(m_cancel, "checkpointCancel", m_cancel->text());
    named(m_fault, "checkpointFault", QStringLiteral("What is wrong"));
    named(m_facts, "checkpointFacts", QStringLiteral("What the checkpoint holds"));
    m_subtitle->setWordWrap(true);
    m_fault->setWordWrap(true);
    m_fault->setTextInteractionFlags(Qt::TextSelectableByMouse);
    setRole(m_start, "primary");
    m_start->setDefault(true);

    auto *page = new QWidget(this);
    auto *column = new QVBoxLayout(page);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(12);
    column->addWidget(buildOverview());
    column->addWidget(buildQuestion(), 1);
    m_stack->addWidget(m_message);
    m_stack->addWidget(page);
    m_progress->setTextVisible(false);
    auto *foot = new QHBoxLayout;
    foot->addWidget(m_progress, 1);
    foot->addWidget(m_hint);
    foot->addStretch();
    foot->addWidget(m_cancel);
    foot->addWidget(m_start);
    setTabOrder(m_cancel, m_start);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 20, 20, 16);
    layout->setSpacing(12);
    layout->addWidget(m_stack, 1);
    layout->addWidget(m_fault);
    layout->addLayout(foot);
    connectParts();

    m_start->setEnabled(false);
    m_progress->hide();
    m_fault->hide();
    m_message->setMessage(MessageView::Mood::Neutral, QStringLiteral("Reading %1").arg(nameOf(m_checkpoint)),
                          QStringLiteral("config.json and the headers of its weights."));
    m_look.inspect(m_checkpoint);
}

QWidget *CheckpointDialog::buildOverview()
{
    auto *box = new QWidget(this);
    auto *column = new QVBoxLayout(box);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    column->addWidget(m_title);
    column->addWidget(m_subtitle);
    column->addWidget(m_facts);
    return box;
}

QWidget *CheckpointDialog::buildQuestion()
{
    auto *box = new QWidget(this);
    auto *form = new QFormLayout(box);
    form->setContentsMargins(0, 0, 0, 0);
    form->setHorizontalSpacing(12);
    form->setVerticalSpacing(8);
    form->addRow(makeLabel(QStringLiteral("Read as"), "sub", box), m_reading);
    form->addRow(makeLabel(QStringLiteral("Layer"), "sub", box), m_layer);
    setRole(m_text, "field");
    m_text->setTabChangesFocus(true);
    m_text->setMinimumHeight(90);
    form->addRow(m_textLabel, m_text);
    return box;
}

void CheckpointDialog::connectParts()
{
    connect(m_reading, &QComboBox::currentIndexChanged, this, &CheckpointDialog::showReading);
    connect(m_text, &QPlainTextEdit::textChanged, this, &CheckpointDialog::showTyped);
    connect(m_start, &QPushButton::clicked, this, &CheckpointDialog::look);
    connect(m_cancel, &QPushButton::clicked, this, &CheckpointDialog::reject);
    connect(&m_look, &CheckpointLook::inspected, this,
            [this](const std::shared_ptr<const CheckpointInspection> &found) {
                if (m_leaving) {
                    deleteLater();
                    return;
                }
                m_found = found;
                showInspection();
            });
    connect(&m_look, &CheckpointLook::progressed, this, [this](int done, int all) {
        m_progress->setRange(0, all);
        m_progress->setValue(done);
        m_hint->setText(QStringLiteral("Layer %1 of %2").arg(std::min(done + 1, all)).arg(all));
    });
    connect(&m_look, &CheckpointLook::looked, this, [this](const QStringList &notices) {
        Q_EMIT looked(m_run.parent_path(), notices);
        accept();
    });
    connect(&m_look, &CheckpointLook::gaveUp, this, [this] {
        showWorking(false);
        showTyped();
        if (m_leaving) {
            deleteLater();
        }
    });
    connect(&m_look, &CheckpointLook::failed, this, [this](const QStringList &reasons) {
        if (m_leaving) {
            deleteLater();
        } else if (m_found) {
            showWorking(false);
            showTyped();
            showProblems(reasons);
        } else {
            m_message->setMessage(MessageView::Mood::Failed,
                                  QStringLiteral("Could not open %1").arg(nameOf(m_checkpoint)),
                                  reasons.join(QLatin1Char('\n')));
        }
    });
}

void CheckpointDialog::showInspection()
{
    const CheckpointInspection &found = *m_found;
    m_stack->setCurrentIndex(1);
    m_subtitle->setText(QString::fromStdString(found.modelType) +
                        (found.architecture.empty()
                             ? QStringLiteral(" (no class in transformers)")
                             : QStringLiteral(", ") + QString::fromStdString(found.architecture)) +
                        QStringLiteral(" · ") + QString::fromStdString(m_checkpoint.string()));
    QString rows;
    const auto row = [&rows](const QString &name, const QString &value) {
        rows += QStringLiteral("<tr><td style='padding-right:18px'>%1</td><td>%2</td></tr>")
                    .arg(name.toHtmlEscaped(), value.toHtmlEscaped());
    };
    for (const auto &[name, value] : found.facts) {
        row(QString::fromStdString(name), QString::fromStdString(value));
    }
    row(QStringLiteral("Weights"),
        QStringLiteral("%1 numbers, %2 in %3 %4; at most %5 at once")
            .arg(countText(static_cast<std::int64_t>(found.numbers)), bytesText(static_cast<double>(found.bytes)))
            .arg(found.files.size())
            .arg(found.files.size() == 1 ? QStringLiteral("file") : QStringLiteral("files"),
                 bytesText(static_cast<double>(found.largestLayer))));
    std::vector<std::string> notices = found.notices;
    notices.push_back(tokenizerNotice(m_checkpoint, found.vocabulary));
    for (const std::string &notice : notices) {
        if (!notice.empty()) {
            row(QStringLiteral("Notice"), QString::fromStdString(notice));
        }
    }
    m_facts->setText(QStringLiteral("<table>%1</table>").arg(rows));
    showLayers();
    const TextReader reader = textReader(m_checkpoint, found.vocabulary);
    if (reader != TextReader::None) {
        m_reading->addItem(reader == TextReader::Bytes ? QStringLiteral("Text, one token a byte")
                                                       : QStringLiteral("Text, by its SentencePiece model"),
                           true);
    }
    m_reading->addItem(QStringLiteral("Token ids"), false);
    showReading();
    QStringList reasons;
    for (const Error &problem : found.problems) {
        reasons << QString::fromStdString(problem.text());
    }
    showProblems(reasons);
    m_text->setFocus();
}

void CheckpointDialog::showReading()
{
    m_textLabel->setText(readsText() ? QStringLiteral("Text") : QStringLiteral("Token ids"));
    m_text->setAccessibleName(m_textLabel->text());
    m_text->setPlainText(readsText() ? QString::fromUtf8(kSample) : QString());
    m_text->setPlaceholderText(
        QStringLiteral("Ids of the model's own vocabulary, 0 to %1: 5, 17, 3").arg(m_found->vocabulary - 1));
    showTyped();
}

void CheckpointDialog::showLayers()
{
    m_layer->addItem(QStringLiteral("All layers"), -1);
    for (const InspectedLayer &layer : m_found->layers) {
        if (layer.layer >= 0) {
            m_layer->addItem(
                layer.indexer == "none"
                    ? QString::number(layer.layer)
                    : QStringLiteral("%1, indexer: %2").arg(layer.layer).arg(QString::fromStdString(layer.indexer)),
                layer.layer);
        }
    }
}

void CheckpointDialog::showProblems(const QStringList &reasons)
{
    constexpr int kShown = 4;
    QString words = reasons.mid(0, kShown).join(QLatin1Char('\n'));
    if (reasons.size() > kShown) {
        words += QStringLiteral("\nand %1 more").arg(reasons.size() - kShown);
    }
    m_fault->setText(words);
    m_fault->setToolTip(reasons.size() > kShown ? reasons.join(QLatin1Char('\n')) : QString());
    m_fault->setVisible(!reasons.isEmpty());
}

bool CheckpointDialog::readsText() const { return m_reading->currentData().toBool(); }

std::vector<std::int32_t> CheckpointDialog::typedTokens(QString &fault) const
{
    static const QRegularExpression between(QStringLiteral("[\\s,;]+"));
    std::vector<std::int32_t> tokens;
    for (const QString &word : m_text->toPlainText().split(between, Qt::SkipEmptyParts)) {
        bool whole = false;
        const int id = word.toInt(&whole);
        if (!whole || id < 0 || id >= m_found->vocabulary) {
            fault = QStringLiteral("Token ids: got %1, allowed 0 to %2.").arg(word).arg(m_found->vocabulary - 1);
            return {};
        }
        tokens.push_back(id);
    }
    return tokens;
}

void CheckpointDialog::showTyped()
{
    if (!m_found) {
        return;
    }
    QString fault;
    const qsizetype count =
        readsText() ? m_text->toPlainText().size() : static_cast<qsizetype>(typedTokens(fault).size());
    const QString unit = readsText() ? QStringLiteral("character") : QStringLiteral("token");
    m_hint->setText(QStringLiteral("%1 %2%3").arg(count).arg(unit, count == 1 ? QString() : QStringLiteral("s")));
    m_start->setEnabled(count > 0 && m_found->problems.empty() && !m_look.working());
    if (m_found->problems.empty()) {
        showProblems(fault.isEmpty() ? QStringList() : QStringList{fault});
    }
}

void CheckpointDialog::showWorking(bool working)
{
    m_progress->setVisible(working);
    m_progress->setRange(0, 0);
    for (QWidget *control : std::initializer_list<QWidget *>{m_reading, m_layer, m_text}) {
        control->setEnabled(!working);
    }
    m_start->setEnabled(!working);
}

void CheckpointDialog::look()
{
    LookRequest request;
    request.checkpoint = m_checkpoint;
    QString fault;
    if (readsText()) {
        request.text = m_text->toPlainText().toStdString();
    } else {
        request.tokens = typedTokens(fault);
    }
    const int layer = m_layer->currentData().toInt();
    request.layer = layer < 0 ? std::nullopt : std::optional(layer);
    m_run = freshFolder(m_out, m_checkpoint.filename().string()) / "run";
    request.run = m_run;
    showProblems({});
    showWorking(true);
    m_look.look(std::move(request));
}

/// While blocks run Cancel ends the look and leaves the question; before and after it closes the dialog.
void CheckpointDialog::reject()
{
    if (!m_look.working()) {
        QDialog::reject();
        return;
    }
    m_look.giveUp();
    m_hint->setText(QStringLiteral("Cancelling…"));
    if (!m_found || m_leaving) { // its headers are still being read, or asked twice
        m_leaving = true;
        hide();
    }
}

} // namespace sparsescope
