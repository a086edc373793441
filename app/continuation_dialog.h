#pragma once

#include "app/checkpoint_look.h"
#include "core/base/snapshot.h"
#include "widgets/state/hover_state.h"
#include "widgets/state/view_state.h"

#include <QDialog>
#include <QString>

#include <filesystem>
#include <memory>
#include <vector>

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace sparsescope {

class TokenStrip;

/// Lets a checkpoint go on from a prompt, token by token, and shows for every new token the keys that it was made from: those
/// of its query, the token before it, in one layer. Stands beside the window, which stays usable. Deletes itself when it is
/// closed.
class ContinuationDialog : public QDialog {
    Q_OBJECT

public:
    /// `checkpoint`: a checkpoint or a run. `title`: its name on screen. `out`: the folder in which run folders are made.
    /// `tokens`: the prompt that is proposed, for a model that reads no text; empty: a sentence.
    ContinuationDialog(std::filesystem::path checkpoint, QString title, std::filesystem::path out,
                       const std::vector<std::int32_t> &tokens = {}, QWidget *parent = nullptr);
    ~ContinuationDialog() override;
    bool working() const { return m_look.working(); }
    bool asking() const { return m_reader.working(); } ///< whether it reads text

Q_SIGNALS:
    /// A folder with a run that shows the text: to be opened. It is ours no more.
    void toInspect(std::filesystem::path folder);

public Q_SLOTS:
    void startOrStop();
    void reject() override;

private:
    QWidget *buildQuestion();
    QWidget *buildText();
    void connectParts();
    void showReader(bool readsText, int vocabulary);
    void showWorking(bool working);
    void showToken(const GeneratedToken &token);
    void showRow();
    void showEnd(const GenerateSummary &summary);
    void dropRun();

    std::filesystem::path m_checkpoint, m_out, m_run;
    std::vector<GeneratedToken> m_tokens;
    std::shared_ptr<Snapshot> m_text; ///< tokens and words only
    int m_prompt = 0;                 ///< tokens of it
    bool m_leaving = false;
    ViewState m_view; ///< of the strip alone
    HoverState m_hover;
    QPlainTextEdit *m_promptEdit;
    QSpinBox *m_count;
    QDoubleSpinBox *m_temperature;
    QComboBox *m_reading, *m_layer;
    QLabel *m_ids; ///< which there are, where they are all that it reads
    QLabel *m_fault, *m_notices, *m_made, *m_keys, *m_speed;
    TokenStrip *m_strip;
    QPushButton *m_start, *m_inspect, *m_close;
    CheckpointLook m_reader; ///< asks at once whether it reads text
    CheckpointLook m_look;   // last: its thread ends first
};

} // namespace sparsescope
