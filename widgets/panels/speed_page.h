#pragma once

#include "core/base/bench_document.h"
#include "widgets/plots/speed_content.h"

#include <QString>
#include <QWidget>

#include <memory>
#include <utility>
#include <vector>

class QButtonGroup;
class QGridLayout;
class QHBoxLayout;
class QLabel;
class QProgressBar;
class QPushButton;
class QStackedWidget;

namespace sparsescope {

class ComboBox;
class BreakdownView;
class ExportableView;
class KernelTable;
class LayerTimePlot;
class MessageView;
class RooflinePlot;

/// Stored measurements of `sparsescope-cli bench`: time by context or shape against the baseline, where it goes at one of them,
/// every candidate with its check, and how near to the machine's ceilings they are. Asks for a new measurement; measures nothing itself.
class SpeedPage : public QWidget {
    Q_OBJECT

public:
    explicit SpeedPage(QWidget *parent = nullptr);

    /// One that is there already (the same file) is replaced. `show`: it becomes the one that is shown.
    void add(std::shared_ptr<const BenchDocument> document, bool show);
    const BenchDocument *shown() const { return m_content ? m_content->document.get() : nullptr; }
    std::shared_ptr<const BenchDocument> shownDocument() const { return m_content ? m_content->document : nullptr; }
    int point() const { return m_point; }
    void setPoint(int index);
    /// "128 heads, k 2,048 · median of 14 samples"
    QString subjectText() const;
    /// What can be exported from here now, with the names that the command line uses: "speed", "breakdown", "roofline".
    std::vector<std::pair<QString, const ExportableView *>> exportableViews() const;

    /// The shown one can be measured again here; `why`: what the button says about it, or why it cannot be pressed.
    void setMeasurable(bool possible, const QString &why);
    /// Nothing is open: what could be measured here first, in words that a button can have; empty: `why` says why nothing can.
    void setFirst(const QString &words, const QString &why);
    void setRemark(const QString &sentence); ///< below the header; empty: none
    /// What is being measured, with the share that is done; empty: nothing is.
    void setMeasuring(const QString &what, double share);

Q_SIGNALS:
    void statusChanged();
    void measureRequested();
    void cancelRequested();
    void openRequested();  ///< a stored measurement
    void firstRequested(); ///< what setFirst() named

protected:
    void changeEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    QWidget *buildHeader();
    QWidget *buildBody();
    QWidget *buildCard(QLabel *&title, const QString &words, QLabel *&sub, QWidget *body);
    void showChosen();
    void showEmpty();
    void showDirections();
    void showPrecisions();
    void foldHeader();
    void chooseDirection(int training);
    /// Shows this document, at the context that is shown now.
    void change(int index);
    /// The document with the same indexer and machine and this direction, at this precision; -1: none.
    int counterpart(int index, const std::string &direction, const std::string &precision) const;

    std::vector<std::shared_ptr<const BenchDocument>> m_documents;
    std::shared_ptr<const SpeedContent> m_content;
    int m_point = 0;
    QString m_first, m_whyNoFirst, m_measuring;
    QStackedWidget *m_stack;
    MessageView *m_message;
    ComboBox *m_chosen, *m_precision;
    QGridLayout *m_grid = nullptr;
    QLabel *m_chosenLabel, *m_precisionLabel;
    QHBoxLayout *m_firstRow = nullptr, *m_secondRow = nullptr;
    QWidget *m_directions;
    QButtonGroup *m_directionGroup;
    QLabel *m_measured, *m_progressWords, *m_remark;
    QProgressBar *m_progress;
    QPushButton *m_measure, *m_cancel;
    QLabel *m_timeTitle = nullptr, *m_timeSub = nullptr, *m_breakdownTitle = nullptr, *m_breakdownSub = nullptr,
           *m_kernelsTitle = nullptr, *m_kernelsSub = nullptr, *m_roofTitle = nullptr, *m_roofSub = nullptr;
    LayerTimePlot *m_time;
    BreakdownView *m_breakdown;
    KernelTable *m_kernels;
    RooflinePlot *m_roof;
};

} // namespace sparsescope
