#pragma once

#include "widgets/plots/view.h"
#include "widgets/style/figure_export.h"

#include <QDialog>
#include <QImage>
#include <QTimer>

#include <memory>
#include <utility>
#include <vector>

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace sparsescope {

/// What people call a figure that `--export` names; empty: there is none of that name.
QString figureWords(const QString &figure);

/// The figure as it will be on paper; empty while there is none.
class FigurePreview : public QWidget {
    Q_OBJECT

public:
    explicit FigurePreview(QWidget *parent = nullptr);
    void setFigure(const ExportableView *view, const FigureOptions &options);

protected:
    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void draw();

    const ExportableView *m_view = nullptr;
    FigureOptions m_options;
    QImage m_image;
    QTimer m_again; ///< a run that trains goes on behind the dialog
};

/// Which figure, how wide, in which format, into which folder (Ctrl+E), and what it will look like.
class ExportDialog : public QDialog {
    Q_OBJECT

public:
    using Figures = std::vector<std::pair<QString, std::shared_ptr<ExportableView>>>;
    ExportDialog(Figures figures, const QString &chosen, QWidget *parent = nullptr);
    void setFolder(const QString &folder); ///< that it proposes; without it the last one

private:
    void build();
    void chooseFigure();
    void showChoice();
    void save();
    ExportableView *view() const;
    QString format() const;
    QString target() const;
    FigureOptions options() const;
    QString facts() const;

    Figures m_figures;
    // In the order of Tab.
    QWidget *m_page;
    QComboBox *m_figure, *m_format;
    QDoubleSpinBox *m_width;
    bool m_ownWidth = false; ///< a person chose it: it stays with the next figure
    QString m_written;       ///< by this dialog, just now: written again without a question
    QComboBox *m_scale, *m_theme;
    QLineEdit *m_folder;
    QPushButton *m_choose;
    QLabel *m_facts, *m_target, *m_result;
    FigurePreview *m_preview;
    QPushButton *m_close, *m_save;
};

} // namespace sparsescope
