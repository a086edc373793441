#pragma once

#include "app/checkpoint_look.h"

#include <QDialog>
#include <QString>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

class QComboBox;
class QLabel;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QStackedWidget;

namespace sparsescope {

class MessageView;

/// Says what a checkpoint folder holds and lets its indexer look at a text, at all layers or at one. What it saw becomes a run
/// folder, which the Inspect page shows like any other. Deletes itself when it is done.
class CheckpointDialog : public QDialog {
    Q_OBJECT

public:
    /// `out`: the folder in which run folders are made.
    CheckpointDialog(std::filesystem::path checkpoint, std::filesystem::path out, QWidget *parent = nullptr);

Q_SIGNALS:
    /// A folder with a run: what the checkpoint saw.
    void looked(std::filesystem::path folder, QStringList notices);

public Q_SLOTS:
    void reject() override;

private:
    QWidget *buildOverview();
    QWidget *buildQuestion();
    void connectParts();
    void showInspection();
    void showProblems(const QStringList &reasons);
    void showLayers();
    void showReading();
    void showTyped();
    void showWorking(bool working);
    void look();
    bool readsText() const;
    /// The token ids that are typed; why they cannot be read goes into `fault`.
    std::vector<std::int32_t> typedTokens(QString &fault) const;

    std::filesystem::path m_checkpoint, m_out, m_run;
    std::shared_ptr<const CheckpointInspection> m_found;
    bool m_leaving = false; ///< closed while a block still runs
    QStackedWidget *m_stack;
    MessageView *m_message;
    QLabel *m_title, *m_subtitle, *m_facts, *m_textLabel, *m_hint, *m_fault;
    QComboBox *m_reading, *m_layer;
    QPlainTextEdit *m_text;
    QProgressBar *m_progress;
    QPushButton *m_start, *m_cancel;
    CheckpointLook m_look; // last: its thread ends first
};

} // namespace sparsescope
