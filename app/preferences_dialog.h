#pragma once

#include "widgets/style/tokens.h"

#include <QDialog>
#include <QString>

class QCheckBox;
class QComboBox;
class QLineEdit;

namespace sparsescope {

/// What a person decides once, for all runs.
struct Preferences {
    Theme theme = Theme::Light;
    bool reducedMotion = false;  ///< nothing plays: it jumps
    bool continueOnError = true; ///< of the queue
    QString exportFolder;        ///< that the export proposes
};

/// Shows the preferences; every change takes effect at once.
class PreferencesDialog : public QDialog {
    Q_OBJECT

public:
    explicit PreferencesDialog(const Preferences &preferences, QWidget *parent = nullptr);

Q_SIGNALS:
    void changed(const sparsescope::Preferences &preferences);

private:
    void tell();

    QComboBox *m_theme;
    QCheckBox *m_motion, *m_continue;
    QLineEdit *m_folder;
};

} // namespace sparsescope
