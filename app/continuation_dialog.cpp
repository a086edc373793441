#include "app/continuation_dialog.h"

#include "app/fresh_folder.h"
#include "core/base/maps.h"
#include "widgets/panels/role_label.h"
#include "widgets/panels/tab_order.h"
#include "widgets/plots/token_strip.h"
#include "widgets/state/number_text.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/screen_room.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>
#include <QScrollBar>
#include <QSpinBox>
#include <QVBoxLayout>

#include <algorithm>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace sparsescope {

namespace {

const char *const kSample = "The key of the red door is 7. The key of the blue door is 4.\nThe key of the red door is";

QString quoted(const std::string &word) { return QStringLiteral("“%1”").arg(QString::fromStdString(word)); }

} // namespace

ContinuationDialog::ContinuationDialog(std::filesystem::path checkpoint, QString title, std::filesystem::path out,
                                       const std::vector<std::int32_t> &tokens, QWidget *parent)
    : QDialog(parent)
    , m_checkpoint(std::move(checkpoint))
    , m_out(std::move(out))
    , m_text(std::make_shared<Snapshot>())
    , m_promptEdit(new QPlainTextEdit(QString::fromUtf8(kSample), this))
    , m_count(new QSpinBox(this))
    , m_temperature(new QDoubleSpinBox(this))
    , m_reading(new ComboBox(this))
    , m_layer(new ComboBox(this))
    , m_ids(makeLabel({}, "hint", this))
    , m_fault(makeLabel({}, "fault", this))
    , m_notices(makeLabel({}, "sub", this))
    , m_made(makeLabel({}, "sub", this))
    , m_keys(makeLabel({}, "sub", this))
    , m_speed(makeLabel({}, "hint", this))
    , m_strip(new TokenStrip(&m_view, &m_hover, this))
    , m_start(new QPushButton(QStringLiteral("Continue the text"), this))
    , m_inspect(new QPushButton(QStringLiteral("Show in Inspect"), this))
    , m_close(new QPushButton(QStringLiteral("Close"), this))
{
    setObjectName(QStringLiteral("continuationDialog"));
    setWindowTitle(QStringLiteral("Continue a text"));
    setAttribute(Qt::WA_DeleteOnClose);
    resizeWithinScreen(this, {720, 620});
    const auto named = [](QWidget *widget, const char *name, const QString &words) {
        widget->setObjectName(QLatin1String(name));
        widget->setAccessibleName(words);
    };
    named(m_promptEdit, "continuationPrompt", QStringLiteral("Prompt"));
    named(m_count, "continuationCount", QStringLiteral("New tokens"));
    named(m_temperature, "continuationTemperature", QStringLiteral("Temperature"));
    named(m_reading, "continuationReading", QStringLiteral("Read as"));
    named(m_layer, "continuationLayer", QStringLiteral("Layer"));
    named(m_fault, "continuationFault", QStringLiteral("What is wrong"));
    named(m_notices, "continuationNotices", QStringLiteral("What ought to be known"));
    named(m_made, "continuationToken", QStringLiteral("The token and what else was likely"));
    named(m_keys, "continuationKeys", QStringLiteral("Its keys"));
    named(m_start, "continuationStart", m_start->text());
    named(m_inspect, "continuationInspect", m_inspect->text());
    named(m_close, "continuationClose", m_close->text());
    named(m_strip, "continuationStrip", QStringLiteral("The text"));
    for (QLabel *sentences : {m_fault, m_notices}) {
        sentences->setWordWrap(true);
        sentences->setTextInteractionFlags(Qt::TextSelectableByMouse);
        sentences->hide();
    }
    m_inspect->setEnabled(false);
    setRole(m_start, "primary");
    m_start->setDefault(true);

    auto *foot = new QHBoxLayout;
    foot->addWidget(m_speed, 1);
    foot->addWidget(m_close);
    foot->addWidget(m_inspect);
    foot->addWidget(m_start);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(20, 20, 20, 16);
    layout->setSpacing(12);
    layout->addWidget(makeLabel(title, "title", this));
    layout->addWidget(buildQuestion());
    layout->addWidget(buildText(), 1);
    layout->addWidget(m_notices);
    layout->addWidget(m_fault);
    sparsescope::setTabOrder(
        {m_promptEdit, m_reading, m_count, m_temperature, m_layer, m_strip, m_close, m_inspect, m_start});
    layout->addLayout(foot);
    connectParts();
    if (!tokens.empty()) {
        QStringList ids;
        for (const std::int32_t token : tokens) {
            ids << QString::number(token);
        }
        m_reading->setCurrentIndex(m_reading->findData(false));
        m_promptEdit->setPlainText(ids.join(QStringLiteral(", ")));
    }
    m_reader.askReader(m_checkpoint); // what is wrong with it is said when it is asked to write
}

ContinuationDialog::~ContinuationDialog() { dropRun(); }

QWidget *ContinuationDialog::buildQuestion()
{
    auto *box = new QWidget(this);
    auto *form = new QFormLayout(box);
    form->setContentsMargins(0, 0, 0, 0);
    form->setHorizontalSpacing(12);
    form->setVerticalSpacing(8);
    setRole(m_promptEdit, "field");
    m_promptEdit->setTabChangesFocus(true);
    m_promptEdit->setFixedHeight(72);
    m_reading->addItem(QStringLiteral("Text"), true);
    m_reading->addItem(QStringLiteral("Token ids"), false);
    m_count->setRange(1, 100000);
    m_count->setValue(64);
    m_count->setGroupSeparatorShown(true);
    m_temperature->setRange(0, 10);
    m_temperature->setSingleStep(0.1);
    m_temperature->setDecimals(2);
    m_temperature->setSpecialValueText(QStringLiteral("0 (likeliest)"));
    form->addRow(makeLabel(QStringLiteral("Prompt"), "sub", box), m_promptEdit);
    auto *row = new QHBoxLayout;
    row->setSpacing(12);
    row->addWidget(m_reading);
    row->addWidget(m_ids);
    m_ids->hide();
    for (const auto &[words, field] : std::initializer_list<std::pair<const char *, QWidget *>>{
             {"New tokens", m_count}, {"Temperature", m_temperature}}) {
        row->addWidget(makeLabel(QString::fromLatin1(words), "sub", box));
        row->addWidget(field);
    }
    row->addStretch();
    form->addRow(makeLabel(QStringLiteral("Read as"), "sub", box), row);
    return box;
}

QWidget *ContinuationDialog::buildText()
{
    auto *card = new QFrame(this);
    setRole(card, "card");
    auto *column = new QVBoxLayout(card);
    column->setContentsMargins(12, 10, 12, 10);
    column->setSpacing(8);
    auto *head = new QHBoxLayout;
    head->addWidget(
        makeLabel(QStringLiteral("Click a token for the keys that the next one was made from"), "sub", card), 1);
    head->addWidget(makeLabel(QStringLiteral("Layer"), "sub", card));
    head->addWidget(m_layer);
    auto *scroll = new QScrollArea(card);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(m_strip);
    scroll->setFocusPolicy(Qt::NoFocus); // it follows the token that was chosen
    // The newest line stays in sight while the text grows.
    QScrollBar *bar = scroll->verticalScrollBar();
    connect(bar, &QScrollBar::rangeChanged, this, [this, bar](int, int high) {
        if (m_look.working()) {
            bar->setValue(high);
        }
    });
    column->addLayout(head);
    column->addWidget(scroll, 1);
    column->addWidget(m_made);
    column->addWidget(m_keys);
    m_layer->setMinimumWidth(72);
    m_layer->setEnabled(false);
    return card;
}

void ContinuationDialog::connectParts()
{
    connect(m_start, &QPushButton::clicked, this, &ContinuationDialog::startOrStop);
    connect(m_close, &QPushButton::clicked, this, &ContinuationDialog::reject);
    connect(m_layer, &QComboBox::currentIndexChanged, this, &ContinuationDialog::showRow);
    connect(&m_view, &ViewState::changed, this, &ContinuationDialog::showRow);
    connect(m_inspect, &QPushButton::clicked, this, [this] {
        m_inspect->setEnabled(false);
        Q_EMIT toInspect(std::exchange(m_run, {}).parent_path());
    });
    connect(&m_reader, &CheckpointLook::readerKnown, this, &ContinuationDialog::showReader);
    connect(&m_look, &CheckpointLook::promptRead, this, [this](const std::vector<std::string> &words) {
        m_prompt = static_cast<int>(words.size());
        m_text = std::make_shared<Snapshot>();
        m_text->words = words;
        m_text->tokens.resize(words.size());
        m_strip->setSnapshot(m_text);
    });
    connect(&m_look, &CheckpointLook::tokenCame, this, &ContinuationDialog::showToken);
    connect(&m_look, &CheckpointLook::wrote, this, &ContinuationDialog::showEnd);
    connect(&m_look, &CheckpointLook::failed, this, [this](const QStringList &reasons) {
        showWorking(false);
        m_fault->setText(reasons.join(QLatin1Char('\n')));
        m_fault->show();
        m_speed->clear();
        if (m_leaving) {
            deleteLater();
        }
    });
}

/// For a model that reads no text ids are typed: text is not offered. What was typed meanwhile stays.
void ContinuationDialog::showReader(bool readsText, int vocabulary)
{
    if (readsText) {
        return;
    }
    m_reading->removeItem(m_reading->findData(true));
    m_reading->setToolTip(
        QStringLiteral("This model reads token ids only: it has %1 kinds of tokens, which are no bytes, and "
                       "no tokenizer.model lies beside it.")
            .arg(countText(vocabulary)));
    m_reading->setAccessibleDescription(m_reading->toolTip());
    m_ids->setText(QStringLiteral("0 to %1").arg(countText(vocabulary - 1)));
    m_ids->setToolTip(m_reading->toolTip());
    m_ids->show();
    QStringList ids; // the first of them, as good as any
    for (int id = 1; id <= std::min(8, vocabulary - 1); ++id) {
        ids << QString::number(id);
    }
    if (m_promptEdit->toPlainText() == QString::fromUtf8(kSample) && !m_look.working()) {
        m_promptEdit->setPlainText(ids.join(QStringLiteral(", ")));
    }
    m_promptEdit->setPlaceholderText(
        QStringLiteral("Ids of the model's own vocabulary, 0 to %1: 5, 17, 3").arg(vocabulary - 1));
}

void ContinuationDialog::startOrStop()
{
    if (m_look.working()) {
        m_look.giveUp();
        m_speed->setText(QStringLiteral("Stopping…"));
        return;
    }
    m_notices->hide(); // they were about the text before
    GenerateRequest request;
    request.checkpoint = m_checkpoint;
    const QString typed = m_promptEdit->toPlainText();
    if (m_reading->currentData().toBool()) {
        request.text = typed.toStdString();
    } else {
        static const QRegularExpression between(QStringLiteral("[\\s,;]+"));
        for (const QString &word : typed.split(between, Qt::SkipEmptyParts)) {
            bool whole = false;
            request.tokens.push_back(word.toInt(&whole));
            if (!whole) {
                m_fault->setText(QStringLiteral("Token ids: got %1, allowed whole numbers: 5, 17, 3.").arg(word));
                m_fault->show();
                return;
            }
        }
    }
    request.count = m_count->value();
    request.temperature = m_temperature->value();
    dropRun();
    m_run = freshFolder(m_out, "continuation") / "run";
    request.run = m_run;
    m_tokens.clear();
    m_layer->clear();
    m_fault->hide();
    m_inspect->setEnabled(false);
    m_speed->setText(QStringLiteral("Reading the checkpoint…"));
    m_look.write(std::move(request));
    showWorking(true);
}

void ContinuationDialog::showWorking(bool working)
{
    m_start->setText(working ? QStringLiteral("Stop") : QStringLiteral("Continue the text"));
    m_start->setAccessibleName(m_start->text());
    for (QWidget *field : std::initializer_list<QWidget *>{m_promptEdit, m_reading, m_count, m_temperature}) {
        field->setEnabled(!working);
    }
}

void ContinuationDialog::showToken(const GeneratedToken &token)
{
    if (m_tokens.empty()) {
        const QSignalBlocker blocker(m_layer);
        for (std::size_t layer = 0; layer < token.keys.size(); ++layer) {
            m_layer->addItem(QString::number(layer));
        }
        m_layer->setEnabled(token.keys.size() > 1);
    }
    m_tokens.push_back(token);
    auto text = std::make_shared<Snapshot>(*m_text);
    text->tokens.push_back(token.token);
    text->words.push_back(token.word);
    m_text = std::move(text);
    m_strip->setSnapshot(m_text);
    m_speed->setText(QStringLiteral("%1 of %2 tokens").arg(m_tokens.size()).arg(m_count->value()));
    m_view.setQuery(token.position - 1); // shows the row
}

/// The keys of the query that made the token behind it: only new tokens have been recorded.
void ContinuationDialog::showRow()
{
    if (m_tokens.empty()) {
        return;
    }
    const int last = m_prompt + static_cast<int>(m_tokens.size()) - 2;
    const int query = std::clamp(m_view.view().query, m_prompt - 1, last);
    const GeneratedToken &made = m_tokens[static_cast<std::size_t>(query - m_prompt + 1)];
    const auto layer = static_cast<std::size_t>(std::max(m_layer->currentIndex(), 0));
    const std::vector<std::int32_t> &keys = made.keys.at(layer);

    auto row = std::make_shared<RowAnswer>();
    row->request.query = query;
    row->hasSelection = true;
    row->row.state.assign(static_cast<std::size_t>(m_text->length()), KeyState::Future);
    std::fill_n(row->row.state.begin(), query + 1, keys.empty() ? KeyState::SelectedLittle : KeyState::Neither);
    for (const std::int32_t key : keys) {
        row->row.state[static_cast<std::size_t>(key)] = KeyState::SelectedLittle;
    }
    m_strip->setRow(std::move(row));

    QStringList others;
    for (const auto &[word, share] : made.likely) {
        others << QStringLiteral("%1 %2").arg(quoted(word), percentText(share));
    }
    m_made->setText(QStringLiteral("Token %1: %2, %3. Likeliest: %4")
                        .arg(countText(made.position), quoted(made.word), percentText(made.probability),
                             others.join(QStringLiteral(" · "))));
    m_keys->setText(keys.empty() ? QStringLiteral("Made from all %1 tokens before it").arg(countText(query + 1))
                                 : QStringLiteral("Made from %1 of the %2 tokens before it, filled")
                                       .arg(countText(static_cast<std::int64_t>(keys.size())), countText(query + 1)));
}

void ContinuationDialog::showEnd(const GenerateSummary &summary)
{
    showWorking(false);
    QString words = QStringLiteral("%1 new tokens").arg(countText(static_cast<std::int64_t>(m_tokens.size())));
    if (summary.tokensPerSecond > 0) {
        words += QStringLiteral(" · %1 tokens/s").arg(summary.tokensPerSecond, 0, 'g', 3);
    }
    words += QStringLiteral(" · %1 of keys kept").arg(bytesText(static_cast<double>(summary.cacheBytes)));
    if (summary.ended) {
        words += QStringLiteral(" · the text ended");
    }
    m_speed->setText(words);
    QStringList notices;
    for (const std::string &notice : summary.notices) {
        notices << QStringLiteral("Notice: ") + QString::fromStdString(notice);
    }
    m_notices->setText(notices.join(QLatin1Char('\n')));
    m_notices->setVisible(!notices.empty());
    m_inspect->setEnabled(true);
    if (m_leaving) {
        deleteLater();
    }
}

void ContinuationDialog::dropRun()
{
    if (!m_run.empty()) {
        std::error_code ignored; // what cannot be removed stays: it harms nothing
        std::filesystem::remove_all(m_run.parent_path(), ignored);
        m_run.clear();
    }
}

/// While tokens come the dialog goes out of sight and ends with the one at hand.
void ContinuationDialog::reject()
{
    if (!m_look.working()) {
        QDialog::reject();
        return;
    }
    m_look.giveUp();
    m_leaving = true;
    hide();
}

} // namespace sparsescope
