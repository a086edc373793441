#include "widgets/panels/config_form.h"

#include "core/base/rounded_expression.h"
#include "widgets/panels/experiment_document.h"
#include "widgets/panels/family_row.h"
#include "widgets/panels/field_row.h"
#include "widgets/state/field_words.h"
#include "widgets/style/combo_box.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <set>

namespace sparsescope {

using nlohmann::ordered_json;

ConfigForm::ConfigForm(QWidget *parent)
    : QWidget(parent)
    , m_document(ordered_json::object())
    , m_preset(new ComboBox(this))
    , m_fields(new QVBoxLayout)
    , m_more(new QToolButton(this))
    , m_message(new QLabel(this))
    , m_estimateLabel(new QLabel(this))
    , m_add(new QPushButton) // as Reset: its layout puts it here
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
    auto *reset =
        new QPushButton(QStringLiteral("Reset")); // put here by its layout, after the fields, as Tab comes to it
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
    m_families = new FamilyRow(this);
    connect(m_families, &FamilyRow::edited, this, &ConfigForm::edited);
    m_fields->addWidget(m_families);
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
    scroll->setFocusPolicy(Qt::NoFocus); // it follows the field that has the focus
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

void ConfigForm::addRow(const QString &label, const std::vector<std::string> &paths, bool more)
{
    auto *row = new FieldRow(label, paths, more, this);
    connect(row, &FieldRow::edited, this, &ConfigForm::edited);
    m_fields->addWidget(row);
    m_rows.push_back(row);
    for (const auto &editor : row->editors()) {
        m_editors.push_back(editor.get());
    }
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

FieldEditor *ConfigForm::editor(const std::string &path) const
{
    const auto found =
        std::find_if(m_editors.begin(), m_editors.end(), [&](const FieldEditor *e) { return e->info.path == path; });
    return found == m_editors.end() ? nullptr : *found;
}

void ConfigForm::setPresets(std::vector<Preset> presets)
{
    m_loading = true;
    m_presets = std::move(presets);
    m_preset->clear();
    for (std::size_t index = 0; index < m_presets.size(); ++index) {
        m_preset->addItem(QString::fromStdString(m_presets[index].name));
        const ordered_json &document = m_presets[index].document;
        m_preset->setItemData(static_cast<int>(index),
                              QString::fromStdString(document.value("question", std::string())), Qt::ToolTipRole);
    }
    m_loading = false;
    if (!m_presets.empty()) {
        load(m_presets.front().document);
    }
}

void ConfigForm::offer(Preset preset)
{
    std::vector<Preset> presets = std::move(m_presets);
    presets.erase(
        std::remove_if(presets.begin(), presets.end(), [&](const Preset &known) { return known.name == preset.name; }),
        presets.end());
    presets.insert(presets.begin(), std::move(preset));
    setPresets(std::move(presets));
}

bool ConfigForm::choosePreset(const std::string &name)
{
    const auto found =
        std::find_if(m_presets.begin(), m_presets.end(), [&](const Preset &preset) { return preset.name == name; });
    if (found == m_presets.end()) {
        return false;
    }
    m_loading = true;
    m_preset->setCurrentIndex(static_cast<int>(found - m_presets.begin()));
    m_loading = false;
    load(found->document);
    return true;
}

std::string ConfigForm::presetName() const
{
    const int index = m_preset->currentIndex();
    return index < 0 ? std::string() : m_presets[static_cast<std::size_t>(index)].name;
}

void ConfigForm::restoreDraft(const std::string &preset, const ordered_json &document)
{
    if (!choosePreset(preset)) { // a copy, or a file that was opened
        offer({preset, document, {}});
    }
    load(document);
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
    } else if (const ordered_json *family = valueAtPath(document, "model.family");
               family != nullptr && family->is_string()) {
        families.insert(family->get<std::string>());
    } else {
        families.insert(toString(Family::Sparse));
    }
    m_families->setNames(families);
    for (FieldEditor *editor : m_editors) {
        const std::string axis = axisKey(document, editor->info.path);
        const ordered_json *value = axis.empty() ? valueAtPath(document, editor->info.path) : &document["sweep"][axis];
        QString text = value != nullptr ? shownValue(*value) : QString();
        if (editor->info.kind == FieldInfo::Kind::Flag && value == nullptr) {
            text = editor->info.defaultValue.is_boolean() && editor->info.defaultValue.get<bool>()
                       ? QStringLiteral("true")
                       : QStringLiteral("false");
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
    dropAxis(document, "model.family");
    setAtPath(document, "model.family", std::nullopt);
    document["sweep"]["family"] = m_families->names();
    for (const FieldEditor *editor : m_editors) {
        const QString text = editor->text();
        if (text == editor->loaded) {
            continue; // as the preset has it, with whatever spelling and precision
        }
        const FieldInfo &info = editor->info;
        dropAxis(document, info.path);
        if (text.isEmpty()) {
            setAtPath(document, info.path, std::nullopt);
            continue;
        }
        const QStringList values = typedList(info, text);
        if (values.size() == 1) {
            setAtPath(document, info.path, parsedValue(info, values.front()));
            continue;
        }
        setAtPath(document, info.path, std::nullopt);
        ordered_json axis = ordered_json::array();
        for (const QString &value : values) {
            axis.push_back(parsedValue(info, value));
        }
        document["sweep"][axisNameOf(info.path)] = axis;
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
    std::size_t runs = 0;
    if (m_experiment) {
        const std::vector<RunConfig> all = expand(*m_experiment);
        runs = all.size();
        const std::vector<std::string> notices = roundingNotices(*m_experiment, all);
        for (FieldRow *row : m_rows) {
            row->showNotices(notices);
        }
    }
    m_add->setText(runs == 0 ? QStringLiteral("Add to queue")
                             : QStringLiteral("Add %1 %2 to queue").arg(runs).arg(runs == 1 ? "run" : "runs"));
    m_add->setIcon(makeIcon(Icon::Add, IconRole::OnAccent));
    m_add->setAccessibleName(m_add->text());
    m_add->setEnabled(m_experiment.has_value());
    m_estimateLabel->setVisible(m_experiment.has_value());
    m_estimateTimer.start();
}

void ConfigForm::showErrors(const std::vector<Error> &errors)
{
    m_bad = 0;
    QStringList elsewhere, familyWords;
    std::set<const Error *> placed;
    for (FieldRow *row : m_rows) {
        m_bad += row->showErrors(errors, placed);
    }
    for (const Error &error : errors) {
        if (!placed.count(&error)) {
            const bool family = fieldPathOf(error.where) == "model.family";
            (family ? familyWords : elsewhere) << inFieldWords(error);
            ++m_bad;
        }
    }
    m_families->setMessages(familyWords);
    QString message = m_bad == 0   ? QString()
                      : m_bad == 1 ? QStringLiteral("1 field needs a change before this can run")
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
    const std::set<Family> families = m_families->checked();
    const bool text = editor("data.source")->text() == QLatin1String("text") || !editor("data.path")->text().isEmpty();
    for (FieldRow *row : m_rows) {
        const bool any = row->showFieldsOf(families);
        const bool path = row->editors().front()->info.path == "data.path";
        row->setVisible(any && (!row->isMore() || m_more->isChecked()) && (!path || text || m_more->isChecked()));
    }
}

void ConfigForm::setMoreShown(bool shownNow)
{
    m_more->setChecked(shownNow);
    m_more->setText(shownNow ? QStringLiteral("Fewer fields") : QStringLiteral("More fields"));
    check();
}

void ConfigForm::focusFirst() { m_preset->setFocus(Qt::ShortcutFocusReason); }

} // namespace sparsescope
