#pragma once

#include "core/base/records.h"

#include <QDockWidget>
#include <QToolBar>

#include <optional>
#include <utility>

class QLabel;
class QPushButton;
class QToolButton;

namespace sparsescope {

enum class Page { Train, Inspect, Compare, Speed };

/// Pages, run control, device and theme: on every page, so that training is never hidden.
class RunToolbar : public QToolBar {
    Q_OBJECT

public:
    explicit RunToolbar(QWidget *parent = nullptr);

    enum class Training { Idle, Running, Pausing, Paused, Stopping };
    void setTraining(Training training, bool canStart);
    void setPage(Page page);
    void setExportable(bool exportable);
    void setDevice(const QString &words, bool warning, const QString &details);

Q_SIGNALS:
    void pageRequested(sparsescope::Page page);
    void startRequested(); ///< start the queue, or resume
    void pauseRequested();
    void stopRequested();
    void newExperimentRequested();
    void exportRequested();
    void themeRequested();

protected:
    void changeEvent(QEvent *event) override;
    void resizeEvent(QResizeEvent *event) override;

private:
    void showDevice();
    /// Where not all of it fits, the device's words are the first to be cut, and stand whole in their tooltip.
    void fitWidth();

    QToolButton *m_train, *m_inspect, *m_compare, *m_speed, *m_theme;
    QPushButton *m_start, *m_pause, *m_stop, *m_new, *m_export;
    QLabel *m_device, *m_deviceIcon;
    QString m_deviceWords, m_deviceDetails;
    bool m_deviceWarning = false;
    std::optional<std::pair<Training, bool>> m_shown;
};

/// A dock with a title of 36 px and room for controls at its right.
class PanelDock : public QDockWidget {
    Q_OBJECT

public:
    PanelDock(const QString &title, const char *name, QWidget *content, QWidget *parent);
    /// At the right of the title; the dock takes it over.
    void addTitleWidget(QWidget *widget);

private:
    QWidget *m_title;
    QWidget *m_lastInTitle; ///< the controls in it follow one another
};

} // namespace sparsescope
