// Longer than 400 lines: one widget with its row types; to be cut by row type.
#include "widgets/panels/config_form.h"

#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <set>

namespace sparsescope {

using nlohmann::ordered_json;

/// One field's control and the words under it.
struct ConfigForm::Editor {
    FieldInfo info;
    QWidget *control = nullptr;
    QString text() const
    {
        if (const auto *edit = qobject_cast<QLineEdit *>(control)) {
            return edit->text().trimmed();
        }
        if (const auto *combo = qobject_cast<QComboBox *>(control)) {
            return combo->currentIndex() <= 0 ? QString() : combo->currentText();
        }
        return qobject_cast<QCheckBox *>(control)->isChecked() ? QStringLiteral("true") : QStringLiteral("false");
    }
    void setText(const QString &text) const
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
    QString loaded; ///< text as the preset gave it
};

struct ConfigForm::Row {
    QWidget *widget = nullptr;
    QLabel *message = nullptr;
    std::vector<Editor *> editors;
    bool more = false;
};

namespace {

constexpr Family kFamilies[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};
constexpr std::pair<const char *, const char *> kShortNames[] = {{"model.family", "family"},
                                                                 {"training.sequence_length", "sequence_length"},
                                                                 {"training.seed", "seed"},
                                                                 {"model.selection.top_k", "top_k"}};
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

const char *shortNameOf(const std::string &path)
{
    for (const auto &[field, name] : kShortNames) {
        if (path == field) {
            return name;
        }
    }
    return path.c_str();
}

std::vector<std::string> partsOf(const std::string &path)
{
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (std::size_t dot; (dot = path.find('.', start)) != std::string::npos; start = dot + 1) {
        parts.push_back(path.substr(start, dot - start));
    }
    parts.push_back(path.substr(start));
    return parts;
}

const ordered_json *valueAtPath(const ordered_json &document, const std::string &path)
{
    const ordered_json *node = &document;
    for (const std::string &part : partsOf(path)) {
        if (!node->is_object() || !node->contains(part)) {
            return nullptr;
        }
        node = &node->at(part);
    }
    return node;
}

void setAtPath(ordered_json &document, const std::string &path, const std::optional<ordered_json> &value)
{
    const std::vector<std::string> parts = partsOf(path);
    ordered_json *node = &document;
    for (std::size_t part = 0; part + 1 < parts.size(); ++part) {
        if (!value && !node->contains(parts[part])) {
            return;
        }
        node = &(*node)[parts[part]];
        if (!node->is_object()) {
            *node = ordered_json::object();
        }
    }
    if (value) {
        (*node)[parts.back()] = *value;
    } else {
        node->erase(parts.back());
    }
}

/// The key of a field's axis in the sweep, however it is spelled there; empty when it is not swept.
std::string axisKey(const ordered_json &document, const std::string &path)
{
    const auto sweep = document.find("sweep");
    if (sweep != document.end() && sweep->is_object()) {
        for (const std::string &name : {path, std::string(shortNameOf(path))}) {
            if (sweep->contains(name)) {
                return name;
            }
        }
    }
    return {};
}

QString shown(const ordered_json &value)
{
    if (value.is_null()) {
        return QStringLiteral("null");
    }
    if (value.is_array() && std::all_of(value.begin(), value.end(), [](const ordered_json &v) { return v.is_primitive(); })) {
        QStringList parts;
        for (const ordered_json &entry : value) {
            parts << shown(entry);
        }
        return parts.join(QStringLiteral(", "));
    }
    return value.is_string() ? QString::fromStdString(value.get<std::string>()) : QString::fromStdString(value.dump());
}

/// Line ends in a one-line edit.
QString escaped(QString text)
{
    return text.replace(QLatin1Char('\n'), QLatin1String("\\n"));
}

/// A typed word as JSON where the field wants a number, an object or null; else the words as they stand.
ordered_json parsed(const FieldInfo &info, QString text)
{
    if (info.nullable && text == QLatin1String("null")) {
        return nullptr;
    }
    if (info.kind == FieldInfo::Kind::Text) {
        return text.replace(QLatin1String("\\n"), QLatin1String("\n")).toStdString();
    }
    if (info.kind == FieldInfo::Kind::Choice) {
        return text.toStdString();
    }
    if (info.kind == FieldInfo::Kind::Integer || info.kind == FieldInfo::Kind::Expression) {
        QString digits = text;
        digits.remove(QLatin1Char(',')).remove(QLatin1Char(' '));
        bool whole = false;
        const qlonglong number = digits.toLongLong(&whole);
        if (whole) {
            return number;
        }
    }
    const std::string bytes = text.toStdString();
    return ordered_json::accept(bytes) ? ordered_json::parse(bytes) : ordered_json(bytes);
}

bool mayList(const FieldInfo &info)
{
    return info.kind == FieldInfo::Kind::Integer || info.kind == FieldInfo::Kind::Number || info.kind == FieldInfo::Kind::Expression;
}

/// "64, 128" is a list, "1,500" is one number: thousands are written without a space.
QStringList listOf(const FieldInfo &info, const QString &text)
{
    if (!mayList(info)) {
        return {text};
    }
    static const QRegularExpression thousands(QStringLiteral("^\\d{1,3}(,\\d{3})+$"));
    if (thousands.match(text).hasMatch()) {
        return {text};
    }
    QStringList parts;
    for (const QString &part : text.split(QLatin1Char(','))) {
        if (!part.trimmed().isEmpty()) {
            parts << part.trimmed();
        }
    }
    return parts.isEmpty() ? QStringList{text} : parts;
}

} // namespace

ConfigForm::ConfigForm(QWidget *parent)
    : QWidget(parent), m_document(ordered_json::object()), m_preset(new QComboBox(this)), m_fields(new QVBoxLayout), m_more(new QToolButton(this)),
      m_message(new QLabel(this)), m_estimateLabel(new QLabel(this)), m_add(new QPushButton(this))
{
    m_preset->setObjectName(QStringLiteral("presetCombo"));
    m_preset->setAccessibleName(QStringLiteral("Preset"));
    m_preset->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_message->setObjectName(QStringLiteral("configMessage"));
    m_message->setWordWrap(true);
    m_estimateLabel->setObjectName(QStringLiteral("estimateLabel"));
    m_estimateLabel->setWordWrap(true);
    setRole(m_estimateLabel, "sub");
    m_add->setObjectName(QStringLiteral("addToQueueButton"));
    setRole(m_add, "primary");
    auto *reset = new QPushButton(QStringLiteral("Reset"), this);
    reset->setObjectName(QStringLiteral("resetConfigButton"));
    reset->setAccessibleName(QStringLiteral("Reset"));
    m_more->setObjectName(QStringLiteral("moreFieldsButton"));
    m_more->setText(QStringLiteral("More"));
    m_more->setCheckable(true);
    m_more->setAccessibleName(QStringLiteral("More fields"));
    setRole(m_more, "flat");

    m_fields->setContentsMargins(12, 8, 12, 8);
    m_fields->setSpacing(6);
    auto *presetRow = new QHBoxLayout;
    auto *presetLabel = new QLabel(QStringLiteral("Preset"), this);
    setRole(presetLabel, "sub");
    presetLabel->setFixedWidth(88);
    presetRow->addWidget(presetLabel);
    presetRow->addWidget(m_preset, 1);
    m_fields->addLayout(presetRow);
    addFamilyRow();
    addRow(QStringLiteral("Layers × heads"), {"model.n_layers", "model.n_heads"}, false);
    addRow(QStringLiteral("Width d"), {"model.d_model"}, false);
    addRow(QStringLiteral("Length L, top-k"), {"training.sequence_length", "model.selection.top_k"}, false);
    addRow(QStringLiteral("Indexer"), {"model.indexer.n_heads", "model.indexer.head_dim"}, false);
    addRow(QStringLiteral("Text file"), {"data.path"}, false);
    addRow(QStringLiteral("Steps"), {"training.steps"}, false);
    addRow(QStringLiteral("Seeds"), {"training.seed"}, false);
    m_fields->addWidget(m_more, 0, Qt::AlignLeft);
    addMoreRows();
    m_fields->addStretch(1);

    auto *content = new QWidget;
    content->setLayout(m_fields);
    auto *scroll = new QScrollArea(this);
    scroll->setWidget(content);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *buttons = new QHBoxLayout;
    buttons->addWidget(reset);
    buttons->addStretch(1);
    buttons->addWidget(m_add);
    auto *foot = new QVBoxLayout;
    foot->setContentsMargins(12, 6, 12, 10);
    foot->setSpacing(6);
    foot->addWidget(m_message);
    foot->addWidget(m_estimateLabel);
    foot->addLayout(buttons);
    auto *layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(scroll, 1);
    layout->addLayout(foot);

    connect(m_more, &QToolButton::toggled, this, &ConfigForm::setMoreShown);
    connect(m_preset, &QComboBox::currentIndexChanged, this, [this](int index) {
        if (!m_loading && index >= 0) {
            load(m_presets[static_cast<std::size_t>(index)].document);
        }
    });
    connect(reset, &QPushButton::clicked, this, [this] {
        if (m_preset->currentIndex() >= 0) {
            load(m_presets[static_cast<std::size_t>(m_preset->currentIndex())].document);
        }
    });
    connect(m_add, &QPushButton::clicked, this, [this] {
        if (m_experiment) {
            Q_EMIT addRequested(*m_experiment);
        }
    });
    m_estimateTimer.setSingleShot(true);
    m_estimateTimer.setInterval(150);
    connect(&m_estimateTimer, &QTimer::timeout, this, [this] {
        if (m_experiment) {
            m_estimateLabel->setText(m_estimate ? m_estimate(expand(*m_experiment)) : QString());
        }
    });
    setMoreShown(false);
    check();
}

ConfigForm::~ConfigForm() = default;

void ConfigForm::addFamilyRow()
{
    auto *row = new QWidget(this);
    row->setObjectName(QStringLiteral("familyCombo"));
    row->setAccessibleName(QStringLiteral("Family"));
    auto *grid = new QGridLayout(row);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(4);
    auto *label = new QLabel(QStringLiteral("Family"), row);
    setRole(label, "sub");
    label->setFixedWidth(88);
    grid->addWidget(label, 0, 0);
    for (std::size_t index = 0; index < std::size(kFamilies); ++index) {
        const QString words = QString::fromStdString(displayName(kFamilies[index]));
        auto *box = new QCheckBox(words, row);
        box->setObjectName(QStringLiteral("family_") + QString::fromStdString(toString(kFamilies[index])));
        box->setAccessibleName(words);
        connect(box, &QCheckBox::toggled, this, &ConfigForm::edited);
        m_families.push_back(box);
        grid->addWidget(box, static_cast<int>(index) / 2, 1 + static_cast<int>(index) % 2);
    }
    grid->setColumnStretch(2, 1);
    m_familyMessage = new QLabel(row);
    m_familyMessage->setWordWrap(true);
    setRole(m_familyMessage, "failed");
    m_familyMessage->hide();
    grid->addWidget(m_familyMessage, 2, 1, 1, 2);
    m_fields->addWidget(row);
}

void ConfigForm::addRow(const QString &label, const std::vector<std::string> &paths, bool more)
{
    Row row;
    row.more = more;
    row.widget = new QWidget(this);
    auto *grid = new QGridLayout(row.widget);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(6);
    grid->setVerticalSpacing(4);
    auto *words = new QLabel(label, row.widget);
    setRole(words, "sub");
    words->setFixedWidth(88);
    words->setWordWrap(true);
    grid->addWidget(words, 0, 0);
    int column = 1;
    for (const std::string &path : paths) {
        auto editor = std::make_unique<Editor>();
        editor->info = fieldOf(path);
        const FieldInfo &info = editor->info;
        if (info.kind == FieldInfo::Kind::Choice) {
            auto *combo = new QComboBox(row.widget);
            combo->addItem(QStringLiteral("Default: %1").arg(info.defaultText.empty() ? shown(info.defaultValue) : QString::fromStdString(info.defaultText)));
            for (const std::string &choice : info.choices) {
                combo->addItem(QString::fromStdString(choice));
            }
            combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
            connect(combo, &QComboBox::currentIndexChanged, this, &ConfigForm::edited);
            editor->control = combo;
        } else if (info.kind == FieldInfo::Kind::Flag) {
            auto *box = new QCheckBox(row.widget);
            connect(box, &QCheckBox::toggled, this, &ConfigForm::edited);
            editor->control = box;
        } else {
            auto *edit = new QLineEdit(row.widget);
            edit->setPlaceholderText(info.defaultText.empty() ? escaped(shown(info.defaultValue)) : QString::fromStdString(info.defaultText));
            connect(edit, &QLineEdit::textChanged, this, &ConfigForm::edited);
            editor->control = edit;
        }
        editor->control->setObjectName(objectNameOf(path));
        editor->control->setAccessibleName(QString::fromStdString(info.label));
        editor->control->setToolTip(QStringLiteral("%1\n%2").arg(QString::fromStdString(info.help), QString::fromStdString(info.path)));
        editor->control->setMinimumWidth(40);
        grid->addWidget(editor->control, 0, column);
        grid->setColumnStretch(column++, 1);
        if (path == "data.path") {
            auto *browse = new QToolButton(row.widget);
            browse->setIcon(makeIcon(Icon::Folder));
            browse->setAccessibleName(QStringLiteral("Choose a text file"));
            browse->setToolTip(QStringLiteral("Choose a text file"));
            setRole(browse, "icon");
            connect(browse, &QToolButton::clicked, this, [this, edit = editor.get()] {
                const QString file = QFileDialog::getOpenFileName(this, QStringLiteral("Choose a text file"), edit->text());
                if (!file.isEmpty()) {
                    edit->setText(file);
                }
            });
            grid->addWidget(browse, 0, column++);
        }
        if (!info.unit.empty() && paths.size() == 1 && path != "training.sequence_length") {
            auto *unit = new QLabel(QString::fromStdString(info.unit), row.widget);
            setRole(unit, "hint");
            grid->addWidget(unit, 0, column++);
        }
        row.editors.push_back(editor.get());
        m_editors.push_back(std::move(editor));
    }
    row.message = new QLabel(row.widget);
    row.message->setWordWrap(true);
    row.message->hide();
    grid->addWidget(row.message, 1, 1, 1, column);
    m_fields->addWidget(row.widget);
    m_rows.push_back(std::move(row));
}

void ConfigForm::addMoreRows()
{
    const std::set<std::string> elsewhere{"schema", "sweep", "model.family"};
    for (const FieldInfo &info : configFields()) {
        if (!elsewhere.count(info.path) && editor(info.path) == nullptr) {
            addRow(QString::fromStdString(info.label), {info.path}, true);
        }
    }
}

ConfigForm::Editor *ConfigForm::editor(const std::string &path) const
{
    const auto found = std::find_if(m_editors.begin(), m_editors.end(), [&](const auto &e) { return e->info.path == path; });
    return found == m_editors.end() ? nullptr : found->get();
}

void ConfigForm::setPresets(std::vector<Preset> presets)
{
    m_loading = true;
    m_presets = std::move(presets);
    m_preset->clear();
    for (std::size_t index = 0; index < m_presets.size(); ++index) {
        m_preset->addItem(QString::fromStdString(m_presets[index].name));
        const ordered_json &document = m_presets[index].document;
        m_preset->setItemData(static_cast<int>(index), QString::fromStdString(document.value("question", std::string())), Qt::ToolTipRole);
    }
    m_loading = false;
    if (!m_presets.empty()) {
        load(m_presets.front().document);
    }
}

bool ConfigForm::choosePreset(const std::string &name)
{
    const auto found = std::find_if(m_presets.begin(), m_presets.end(), [&](const Preset &preset) { return preset.name == name; });
    if (found == m_presets.end()) {
        return false;
    }
    m_loading = true;
    m_preset->setCurrentIndex(static_cast<int>(found - m_presets.begin()));
    m_loading = false;
    load(found->document);
    return true;
}

void ConfigForm::load(const ordered_json &document)
{
    m_loading = true;
    m_document = document;
    std::set<std::string> families;
    const std::string familyAxis = axisKey(document, "model.family");
    if (!familyAxis.empty()) {
        for (const ordered_json &family : document["sweep"][familyAxis]) {
            families.insert(family.is_string() ? family.get<std::string>() : std::string());
        }
    } else if (const ordered_json *family = valueAtPath(document, "model.family"); family != nullptr && family->is_string()) {
        families.insert(family->get<std::string>());
    } else {
        families.insert(toString(Family::Sparse));
    }
    for (std::size_t index = 0; index < m_families.size(); ++index) {
        m_families[index]->setChecked(families.count(toString(kFamilies[index])) > 0);
    }
    for (const auto &editor : m_editors) {
        const std::string axis = axisKey(document, editor->info.path);
        const ordered_json *value = axis.empty() ? valueAtPath(document, editor->info.path) : &document["sweep"][axis];
        QString text = value != nullptr ? escaped(shown(*value)) : QString();
        if (editor->info.kind == FieldInfo::Kind::Flag && value == nullptr) {
            text = editor->info.defaultValue.is_boolean() && editor->info.defaultValue.get<bool>() ? QStringLiteral("true") : QStringLiteral("false");
        }
        editor->setText(text);
        editor->loaded = editor->text();
    }
    m_loading = false;
    check();
}

ordered_json ConfigForm::document() const
{
    ordered_json document = m_document;
    const auto dropAxis = [&](const std::string &path) {
        const std::string axis = axisKey(document, path);
        if (!axis.empty()) {
            document["sweep"].erase(axis);
        }
    };
    ordered_json families = ordered_json::array();
    for (std::size_t index = 0; index < m_families.size(); ++index) {
        if (m_families[index]->isChecked()) {
            families.push_back(toString(kFamilies[index]));
        }
    }
    dropAxis("model.family");
    setAtPath(document, "model.family", std::nullopt);
    document["sweep"]["family"] = families;
    for (const auto &editor : m_editors) {
        const QString text = editor->text();
        if (text == editor->loaded) {
            continue; // as the preset has it, with whatever spelling and precision
        }
        const FieldInfo &info = editor->info;
        dropAxis(info.path);
        if (text.isEmpty()) {
            setAtPath(document, info.path, std::nullopt);
            continue;
        }
        const QStringList values = listOf(info, text);
        if (values.size() == 1) {
            setAtPath(document, info.path, parsed(info, values.front()));
            continue;
        }
        setAtPath(document, info.path, std::nullopt);
        ordered_json axis = ordered_json::array();
        for (const QString &value : values) {
            axis.push_back(parsed(info, value));
        }
        document["sweep"][shortNameOf(info.path)] = axis;
    }
    return document;
}

void ConfigForm::edited()
{
    if (!m_loading) {
        check();
    }
}

void ConfigForm::check()
{
    m_experiment.reset();
    std::vector<Error> errors;
    if (m_presets.empty()) {
        errors.push_back({"no preset was found", "", "", "", "Keep the folder experiments beside the program."});
    } else {
        try {
            m_experiment = parseExperiment(document(), "");
        } catch (const ConfigFailure &failure) {
            errors = failure.errors();
        } catch (const Failure &failure) {
            errors.push_back(failure.error());
        }
    }
    showRelevant();
    showErrors(errors);
    const std::size_t runs = m_experiment ? expand(*m_experiment).size() : 0;
    m_add->setText(runs == 0 ? QStringLiteral("Add to queue") : QStringLiteral("Add %1 %2 to queue").arg(runs).arg(runs == 1 ? "run" : "runs"));
    m_add->setIcon(makeIcon(Icon::Add, IconRole::OnAccent));
    m_add->setAccessibleName(m_add->text());
    m_add->setEnabled(m_experiment.has_value());
    m_estimateLabel->setVisible(m_experiment.has_value());
    m_estimateTimer.start();
}

void ConfigForm::showErrors(const std::vector<Error> &errors)
{
    // "sweep.seed[1]" belongs to the field of that axis, "data.options.pairs" to data.options.
    const auto pathOf = [](std::string where) {
        const auto bracket = where.find('[');
        where = where.substr(0, bracket);
        if (where.rfind("sweep.", 0) == 0) {
            where = where.substr(6);
        }
        for (const auto &[path, name] : kShortNames) {
            if (where == name) {
                return std::string(path);
            }
        }
        return where;
    };
    m_bad = 0;
    QStringList elsewhere, familyWords;
    std::set<const Error *> placed;
    for (const Row &row : m_rows) {
        QStringList words;
        for (const Editor *editor : row.editors) {
            bool bad = false;
            for (const Error &error : errors) {
                const std::string path = pathOf(error.where);
                if (path == editor->info.path || path.rfind(editor->info.path + ".", 0) == 0) {
                    bad = true;
                    placed.insert(&error);
                    Error here = error;
                    here.where = editor->info.label; // on screen a field goes by its label
                    words << QString::fromStdString(here.text());
                }
            }
            m_bad += bad ? 1 : 0;
            if (editor->control->property("bad").toBool() != bad) {
                editor->control->setProperty("bad", bad);
                repolish(editor->control);
            }
        }
        row.message->setText(words.join(QLatin1Char('\n')));
        row.message->setVisible(!words.isEmpty());
        setRole(row.message, "failed");
        if (!words.isEmpty()) {
            row.widget->show(); // a bad field is never out of sight
        }
    }
    for (const Error &error : errors) {
        if (!placed.count(&error)) {
            const bool family = pathOf(error.where) == "model.family";
            (family ? familyWords : elsewhere) << QString::fromStdString(error.text());
            ++m_bad;
        }
    }
    const bool noFamily = std::none_of(m_families.begin(), m_families.end(), [](const QCheckBox *box) { return box->isChecked(); });
    m_familyMessage->setText(noFamily ? QStringLiteral("Family: none is checked. Check at least one.") : familyWords.join(QLatin1Char('\n')));
    m_familyMessage->setVisible(!familyWords.isEmpty());
    QString message = m_bad == 0 ? QString()
        : m_bad == 1            ? QStringLiteral("1 field needs a change before this can run")
                                : QStringLiteral("%1 fields need a change before this can run").arg(m_bad);
    if (!elsewhere.isEmpty()) {
        message += QLatin1Char('\n') + elsewhere.join(QLatin1Char('\n'));
    }
    m_message->setText(message);
    m_message->setVisible(!message.isEmpty());
    setRole(m_message, "failed");
}

void ConfigForm::showRelevant()
{
    std::set<Family> checked;
    for (std::size_t index = 0; index < m_families.size(); ++index) {
        if (m_families[index]->isChecked()) {
            checked.insert(kFamilies[index]);
        }
    }
    const bool text = editor("data.source")->text() == QLatin1String("text") || !editor("data.path")->text().isEmpty();
    for (const Row &row : m_rows) {
        bool any = false;
        for (const Editor *editor : row.editors) {
            const auto &families = editor->info.families;
            const bool applies = families.empty() || std::any_of(families.begin(), families.end(), [&](Family f) { return checked.count(f) > 0; });
            editor->control->setVisible(applies);
            any = any || applies;
        }
        const bool path = row.editors.front()->info.path == "data.path";
        row.widget->setVisible(any && (!row.more || m_more->isChecked()) && (!path || text || m_more->isChecked()));
    }
}

void ConfigForm::setMoreShown(bool shownNow)
{
    m_more->setChecked(shownNow);
    m_more->setText(shownNow ? QStringLiteral("Fewer fields") : QStringLiteral("More fields"));
    check();
}

void ConfigForm::focusFirst()
{
    m_preset->setFocus(Qt::ShortcutFocusReason);
}

} // namespace sparsescope
