#include "widgets/panels/field_row.h"

#include "widgets/panels/experiment_document.h"
#include "widgets/state/field_words.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>

#include <algorithm>
#include <utility>

namespace sparsescope {

namespace {

/// Names of controls that tests and pictures rely on; others are named after their path.
constexpr std::pair<const char *, const char *> kNames[] = {{"model.n_layers", "layersEdit"},
                                                            {"model.n_heads", "headsEdit"},
                                                            {"model.d_model", "widthEdit"},
                                                            {"training.sequence_length", "lengthEdit"},
                                                            {"model.selection.top_k", "topkEdit"},
                                                            {"model.indexer.n_heads", "indexerHeadsEdit"},
                                                            {"model.indexer.head_dim", "indexerDimEdit"},
                                                            {"training.steps", "stepsEdit"},
                                                            {"training.seed", "seedsEdit"}};

const FieldInfo &fieldOf(const std::string &path)
{
    const auto &fields = configFields();
    return *std::find_if(fields.begin(), fields.end(), [&](const FieldInfo &info) { return info.path == path; });
}

QString objectNameOf(const std::string &path)
{
    for (const auto &[field, name] : kNames) {
        if (path == field) {
            return QLatin1String(name);
        }
    }
    return QString::fromStdString(path);
}

QString defaultOf(const FieldInfo &info)
{
    return info.defaultText.empty() ? shownValue(info.defaultValue) : QString::fromStdString(info.defaultText);
}

} // namespace

QString FieldEditor::text() const
{
    if (const auto *edit = qobject_cast<QLineEdit *>(control)) {
        return edit->text().trimmed();
    }
    if (const auto *combo = qobject_cast<QComboBox *>(control)) {
        return combo->currentIndex() <= 0 ? QString() : combo->currentText();
    }
    return qobject_cast<QCheckBox *>(control)->isChecked() ? QStringLiteral("true") : QStringLiteral("false");
}

void FieldEditor::setText(const QString &text) const
{
    if (auto *edit = qobject_cast<QLineEdit *>(control)) {
        edit->setText(text);
        edit->setCursorPosition(0);
    } else if (auto *combo = qobject_cast<QComboBox *>(control)) {
        combo->setCurrentIndex(std::max(0, combo->findText(text)));
    } else {
        qobject_cast<QCheckBox *>(control)->setChecked(text == QLatin1String("true"));
    }
}

FieldRow::FieldRow(const QString &label, const std::vector<std::string> &paths, bool more, QWidget *parent)
    : QWidget(parent)
    , m_more(more)
{
    auto *grid = new QGridLayout(this);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(4);
    auto *words = new QLabel(label, this);
    setRole(words, "sub");
    words->setFixedWidth(88);
    words->setWordWrap(true);
    grid->addWidget(words, 0, 0);
    int column = 1;
    for (const std::string &path : paths) {
        auto editor = std::make_unique<FieldEditor>();
        editor->info = fieldOf(path);
        const FieldInfo &info = editor->info;
        editor->control = makeControl(info);
        editor->control->setObjectName(objectNameOf(path));
        editor->control->setAccessibleName(QString::fromStdString(info.label));
        editor->control->setToolTip(
            QStringLiteral("%1\n%2").arg(QString::fromStdString(info.help), QString::fromStdString(info.path)));
        editor->control->setMinimumWidth(40);
        grid->addWidget(editor->control, 0, column);
        grid->setColumnStretch(column++, 1);
        if (path == "data.path") {
            grid->addWidget(makeBrowseButton(editor.get()), 0, column++);
        }
        if (!info.unit.empty() && paths.size() == 1 && path != "training.sequence_length") {
            auto *unit = new QLabel(QString::fromStdString(info.unit), this);
            setRole(unit, "hint");
            grid->addWidget(unit, 0, column++);
        }
        m_editors.push_back(std::move(editor));
    }
    m_message = new QLabel(this);
    m_message->setWordWrap(true);
    m_message->hide();
    grid->addWidget(m_message, 1, 1, 1, column);
}

QWidget *FieldRow::makeControl(const FieldInfo &info)
{
    if (info.kind == FieldInfo::Kind::Choice) {
        auto *combo = new ComboBox(this);
        combo->addItem(QStringLiteral("Default: %1").arg(defaultOf(info)));
        for (const std::string &choice : info.choices) {
            combo->addItem(QString::fromStdString(choice));
        }
        combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
        connect(combo, &QComboBox::currentIndexChanged, this, &FieldRow::edited);
        return combo;
    }
    if (info.kind == FieldInfo::Kind::Flag) {
        auto *box = new QCheckBox(this);
        connect(box, &QCheckBox::toggled, this, &FieldRow::edited);
        return box;
    }
    auto *edit = new QLineEdit(this);
    edit->setPlaceholderText(defaultOf(info));
    connect(edit, &QLineEdit::textChanged, this, &FieldRow::edited);
    return edit;
}

QWidget *FieldRow::makeBrowseButton(FieldEditor *editor)
{
    auto *browse = new QToolButton(this);
    browse->setIcon(makeIcon(Icon::Folder));
    browse->setAccessibleName(QStringLiteral("Choose a text file"));
    browse->setToolTip(QStringLiteral("Choose a text file"));
    setRole(browse, "icon");
    connect(browse, &QToolButton::clicked, this, [this, editor] {
        const QString file = QFileDialog::getOpenFileName(this, QStringLiteral("Choose a text file"), editor->text());
        if (!file.isEmpty()) {
            editor->setText(file);
        }
    });
    return browse;
}

bool FieldRow::showFieldsOf(const std::set<Family> &families)
{
    bool any = false;
    for (const auto &editor : m_editors) {
        const auto &own = editor->info.families;
        const bool applies =
            own.empty() || std::any_of(own.begin(), own.end(), [&](Family f) { return families.count(f) > 0; });
        editor->control->setVisible(applies);
        any = any || applies;
    }
    return any;
}

int FieldRow::showErrors(const std::vector<Error> &errors, std::set<const Error *> &placed)
{
    int count = 0;
    QStringList words;
    for (const auto &editor : m_editors) {
        bool bad = false;
        for (const Error &error : errors) {
            const std::string path = fieldPathOf(error.where); // "data.options.pairs" belongs to data.options
            if (path == editor->info.path || path.rfind(editor->info.path + ".", 0) == 0) {
                bad = true;
                placed.insert(&error);
                Error here = error;
                here.where = editor->info.label; // on screen a field goes by its label
                words << inFieldWords(here);
            }
        }
        count += bad ? 1 : 0;
        if (editor->control->property("bad").toBool() != bad) {
            editor->control->setProperty("bad", bad);
            repolish(editor->control);
        }
    }
    m_message->setText(words.join(QLatin1Char('\n')));
    m_message->setToolTip({});
    m_message->setVisible(!words.isEmpty());
    setRole(m_message, "fault");
    if (!words.isEmpty()) {
        show(); // a bad field is never out of sight
    }
    return count;
}

void FieldRow::showNotices(const std::vector<std::string> &notices)
{
    constexpr qsizetype kShown = 3; // of a length that is swept each has its own
    if (!m_message->text().isEmpty()) {
        return;
    }
    QStringList words;
    for (const auto &editor : m_editors) {
        const std::string begin = editor->info.path + ": ";
        for (const std::string &notice : notices) {
            if (notice.starts_with(begin)) { // on screen a field goes by its label
                words << QString::fromStdString(editor->info.label + ": " + notice.substr(begin.size()));
            }
        }
    }
    if (words.empty()) {
        return;
    }
    m_message->setToolTip(words.size() > kShown ? words.join(QLatin1Char('\n')) : QString());
    if (words.size() > kShown) {
        const qsizetype more = words.size() - kShown;
        words = words.mid(0, kShown);
        words << QStringLiteral("and %1 more").arg(more);
    }
    m_message->setText(words.join(QLatin1Char('\n')));
    m_message->show();
    setRole(m_message, "hint");
}

} // namespace sparsescope
