#pragma once

#include "widgets/style/tokens.h"

#include <QDialog>
#include <QString>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;

namespace sparsescope {

/// What a person decides once, for all runs.
struct Preferences {
    Theme theme = Theme::Light;
    bool reducedMotion = false;  ///< nothing plays: it jumps
    bool continueOnError = true; ///< of the queue
    QString exportFolder;        ///< that the export proposes
    int textSize = 100;          ///< percent, from the next start on
};

/// Shows the preferences; every change takes effect at once, but for the size, which says so.
class PreferencesDialog : public QDialog {
    Q_OBJECT

public:
    explicit PreferencesDialog(const Preferences &preferences, QWidget *parent = nullptr);

Q_SIGNALS:
    void changed(const sparsescope::Preferences &preferences);

private:
    void tell();

    QComboBox *m_theme, *m_size;
    QLabel *m_sizeHint; ///< that another size comes with the next start
    int m_sizeNow;
    QCheckBox *m_motion, *m_continue;
    QLineEdit *m_folder;
};

} // namespace sparsescope
