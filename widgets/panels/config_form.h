#pragma once

#include "core/base/config.h"

#include <QTimer>
#include <QWidget>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

class QComboBox;
class QLabel;
class QPushButton;
class QToolButton;
class QVBoxLayout;

namespace sparsescope {

class FamilyRow;
class FieldRow;
struct FieldEditor;

/// An experiment file that ships with the program.
struct Preset {
    std::string name;
    nlohmann::ordered_json document;
    std::filesystem::path file;
};

/// What an experiment would cost, as far as it is known before it starts.
using EstimateText = std::function<QString(const std::vector<RunConfig> &runs)>;

/// Makes an experiment from a preset. Fields, labels, help and messages come from configFields() and parseExperiment();
/// a list of values in a field ("64, 128") sweeps it. Editing never changes a queued or running job: Add copies.
class ConfigForm : public QWidget {
    Q_OBJECT

public:
    explicit ConfigForm(QWidget *parent = nullptr);
    ~ConfigForm() override;

    void setPresets(std::vector<Preset> presets);
    const std::vector<Preset> &presets() const { return m_presets; }
    /// False when there is no such preset.
    bool choosePreset(const std::string &name);
    /// Puts an experiment in front of the presets, in the place of one of the same name, and shows it.
    void offer(Preset preset);
    std::string presetName() const;
    /// Shows an experiment as if it had been typed over a preset: Reset brings the preset back.
    void restoreDraft(const std::string &preset, const nlohmann::ordered_json &document);
    void setEstimate(EstimateText estimate) { m_estimate = std::move(estimate); }
    /// What the estimate goes by has changed.
    void refreshEstimate() { m_estimateTimer.start(); }

    /// The document that the form shows now, checked or not.
    nlohmann::ordered_json document() const;
    /// The experiment, when nothing is wrong.
    const std::optional<ExperimentConfig> &experiment() const { return m_experiment; }
    int badFields() const { return m_bad; }
    void setMoreShown(bool shown);
    void focusFirst();

Q_SIGNALS:
    void addRequested(const sparsescope::ExperimentConfig &experiment);

private:
    void addRow(const QString &label, const std::vector<std::string> &paths, bool more);
    void addMoreRows();
    FieldEditor *editor(const std::string &path) const;
    void load(const nlohmann::ordered_json &document);
    void edited();
    void check();
    void showErrors(const std::vector<Error> &errors);
    void showRelevant();

    std::vector<Preset> m_presets;
    nlohmann::ordered_json m_document;
    std::vector<FieldRow *> m_rows;
    std::vector<FieldEditor *> m_editors; ///< of all rows
    FamilyRow *m_families = nullptr;
    QComboBox *m_preset;
    QVBoxLayout *m_fields;
    QToolButton *m_more;
    QLabel *m_message, *m_estimateLabel;
    QPushButton *m_add;
    QTimer m_estimateTimer;
    EstimateText m_estimate;
    std::optional<ExperimentConfig> m_experiment;
    int m_bad = 0;
    bool m_loading = false;
};

} // namespace sparsescope
