#pragma once

#include "core/base/records.h"

#include <QPointer>
#include <QString>
#include <QWidget>

#include <vector>

class QLabel;
class QScrollArea;

namespace sparsescope {

class RunData;

/// A line a gate: sign, words, value, limit; one that does not pass is tinted and says in one line what to do. "Not checked" is a
/// state of its own: a hollow sign, never a pass. Paints nothing but what it was given.
class SoundnessList : public QWidget {
    Q_OBJECT

public:
    explicit SoundnessList(QWidget *parent = nullptr);

    void setChecks(std::vector<CheckResult> checks);
    QSize sizeHint() const override;
    int heightForWidth(int width) const override;

protected:
    void paintEvent(QPaintEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;
    bool event(QEvent *event) override;

private:
    int rowHeight(const CheckResult &check, int width) const;
    QString tooltip(const CheckResult &check) const;

    std::vector<CheckResult> m_checks;
};

/// Whether what a run measured may be believed: a headline over its gates. For the Train page's dock, and for whatever stands
/// before a comparison.
class SoundnessPanel : public QWidget {
    Q_OBJECT

public:
    explicit SoundnessPanel(QWidget *parent = nullptr);

    void setRun(RunData *run, const QString &title);
    /// Gates are being measured for the run that is shown.
    void setMeasuring(bool measuring);
    QString headline() const;

private:
    void update();

    QPointer<RunData> m_run;
    QString m_title;
    bool m_measuring = false;
    QLabel *m_headline, *m_subject;
    SoundnessList *m_list;
    QScrollArea *m_scroll;
};

} // namespace sparsescope
