#include "app/main_window.h"

#include "app/train_page.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/speed_page.h"
#include "widgets/panels/throughput_view.h"

#include <QStackedWidget>
#include <QTabBar>

/// Where the docks stand, on each page and at each size of the window.
namespace sparsescope {

namespace {

constexpr int kNarrow = 1500, kLow = 860; ///< px

} // namespace

void MainWindow::updateDocks()
{
    const QWidget *shown = m_stack->currentWidget();
    const std::string page = shown == m_trainPage     ? "train"
                             : shown == m_inspectPage ? "inspect"
                             : shown == m_comparePage ? "compare"
                             : shown == m_speedPage   ? "speed"
                                                      : "";
    if (m_layout == page && !page.empty()) {
        return;
    }
    if (m_layout && !m_layout->empty() && isVisible()) {
        m_layouts[*m_layout] = saveState(kDockLayout);
    }
    m_layout = page;
    const auto kept = m_layouts.find(page);
    if (page.empty() || kept == m_layouts.end() || !restoreState(kept->second, kDockLayout)) {
        arrangeDocks();
    } else {
        m_low = height() < kLow;
        m_narrow = width() < kNarrow;
        m_throughput->setVisible(!m_low);
    }
}

void MainWindow::resetLayout()
{
    m_layouts.erase(m_layout.value_or(""));
    arrangeDocks();
}

void MainWindow::arrangeDocks()
{
    const bool docks = m_layout == "train", compares = m_layout == "compare";
    m_low = height() < kLow;
    m_narrow = width() < kNarrow;
    m_throughput->setVisible(!m_low);
    addDockWidget(Qt::LeftDockWidgetArea, m_runsDock);
    addDockWidget(Qt::LeftDockWidgetArea, m_experimentDock);
    addDockWidget(Qt::RightDockWidgetArea, m_metricsDock);
    addDockWidget(Qt::RightDockWidgetArea, m_soundnessDock);
    addDockWidget(Qt::BottomDockWidgetArea, m_logDock);
    if (m_narrow || m_low) {
        tabifyDockWidget(m_metricsDock, m_soundnessDock);
    }
    if (m_low) { // two tabs instead of two halves that show nothing whole
        tabifyDockWidget(m_runsDock, m_experimentDock);
    }
    for (PanelDock *dock : {m_runsDock, m_experimentDock, m_metricsDock, m_soundnessDock, m_logDock}) {
        dock->setVisible(docks || (compares && dock == m_runsDock));
    }
    if (compares && isVisible()) {
        QTimer::singleShot(0, this, [this] { resizeDocks({m_runsDock}, {m_narrow ? 270 : 322}, Qt::Horizontal); });
    }
    if (docks && isVisible()) {
        (m_composing ? m_experimentDock : m_runsDock)->raise();
        m_metricsDock->raise();
        QTimer::singleShot(0, this, [this] { // their layout has run by then
            for (QTabBar *tabs : findChildren<QTabBar *>(QString(), Qt::FindDirectChildrenOnly)) {
                tabs->setDrawBase(false); // its line knows no theme
            }
            resizeDocks({m_runsDock, m_metricsDock}, {m_narrow ? 290 : 352, m_narrow ? 262 : 316}, Qt::Horizontal);
            if (!m_low) {
                resizeDocks({m_runsDock, m_experimentDock}, {430, 420}, Qt::Vertical);
                resizeDocks({m_metricsDock, m_soundnessDock}, {430, 420}, Qt::Vertical);
            }
            resizeDocks({m_logDock}, {m_low ? 1 : 170}, Qt::Vertical); // 1: as low as it goes, one line
        });
    }
}

void MainWindow::resizeEvent(QResizeEvent *event)
{
    QMainWindow::resizeEvent(event);
    if (m_layout == "train" && isVisible() && ((height() < kLow) != m_low || (width() < kNarrow) != m_narrow)) {
        arrangeDocks();
    }
}

} // namespace sparsescope
