#pragma once

#include "widgets/plots/compare_content.h"

#include <QFrame>

#include <memory>

class QLabel;
class QProgressBar;
class QPushButton;
class QSlider;
class QStackedWidget;

namespace sparsescope {

class MessageView;
class SelectorLegend;
class SelectorPlot;

/// "Which selector?": what a frozen model loses when another selector chooses its keys; a slider for k, what that says in a
/// sentence, and a way to measure it.
class SelectorCard : public QFrame {
    Q_OBJECT

public:
    explicit SelectorCard(QWidget *parent = nullptr);

    void setContent(std::shared_ptr<const CompareContent> content);
    /// Measuring can be asked for; `why`: what stands beside the button, or instead of it.
    void setMeasurable(bool possible, const QString &why);
    /// "k = 8: Learned" while it is measured, with the share that is done; empty: it is not.
    void setMeasuring(const QString &what, double share);
    void setFailure(const QString &reason);
    SelectorPlot *plot() const { return m_plot; }
    /// Its views take what room there is; the words in it ask for none.
    bool hasHeightForWidth() const override { return false; }

Q_SIGNALS:
    void measureRequested();
    void cancelRequested();

private:
    void showTopK();
    void showState();

    std::shared_ptr<const CompareContent> m_content;
    QLabel *m_subtitle, *m_verdict, *m_progressWords;
    QStackedWidget *m_stack;
    SelectorPlot *m_plot;
    SelectorLegend *m_legend;
    QSlider *m_slider;
    MessageView *m_message;
    QPushButton *m_measure, *m_cancel;
    QProgressBar *m_progress;
    bool m_measurable = false;
    QString m_why, m_measuring, m_failure;
};

} // namespace sparsescope
