#pragma once

#include "widgets/plots/view.h"

#include <QDialog>

#include <filesystem>
#include <memory>
#include <vector>

class QComboBox;
class QLabel;
class QLineEdit;

namespace sparsescope {

class RunData;

/// Which figure, in which format, into which folder (Ctrl+E).
class ExportDialog : public QDialog {
    Q_OBJECT

public:
    using Figures = std::vector<std::pair<QString, std::shared_ptr<ExportableView>>>;
    ExportDialog(Figures figures, const QString &chosen, QWidget *parent = nullptr);

private:
    void save();
    void showTarget();

    Figures m_figures;
    QComboBox *m_figure, *m_format, *m_theme, *m_scale;
    QLineEdit *m_folder;
    QLabel *m_target, *m_result;
};

/// `--export FIGURE --runs DIR --out FILE`: no window. A run that cannot be read is left out of the figure, which is written all
/// the same, and named in a Failure at the end. Throws Failure: no runs there, an unknown figure, a bad file name, ...
void exportFromRuns(const QString &figure, const std::filesystem::path &runs, const QString &out, Theme theme,
                    double scale);

} // namespace sparsescope
