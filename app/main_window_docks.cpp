#include "app/main_window.h"

#include "app/train_page.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/speed_page.h"
#include "widgets/panels/throughput_view.h"

#include <QGuiApplication>
#include <QScreen>
#include <QStackedWidget>
#include <QTabBar>

/// Where the docks stand, on each page and at each size of the window.
namespace sparsescope {

namespace {

constexpr int kNarrow = 1500, kTight = 1060, kLow = 860; ///< px

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
        m_tight = width() < kTight;
        m_throughput->setVisible(!m_low);
        if (m_tight && dockWidgetArea(m_metricsDock) == Qt::RightDockWidgetArea) {
            arrangeDocks(); // it was left in a wider window
        }
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
    m_tight = width() < kTight; // room for one column beside the page, not for two
    m_throughput->setVisible(!m_low);
    const Qt::DockWidgetArea right = m_tight ? Qt::LeftDockWidgetArea : Qt::RightDockWidgetArea;
    addDockWidget(Qt::LeftDockWidgetArea, m_runsDock);
    addDockWidget(Qt::LeftDockWidgetArea, m_experimentDock);
    addDockWidget(right, m_metricsDock);
    addDockWidget(right, m_soundnessDock);
    addDockWidget(Qt::BottomDockWidgetArea, m_logDock);
    if (m_narrow || m_low) {
        tabifyDockWidget(m_metricsDock, m_soundnessDock);
    }
    if (m_low || m_tight) { // tabs instead of parts that show nothing whole
        tabifyDockWidget(m_runsDock, m_experimentDock);
    }
    if (m_tight) {
        tabifyDockWidget(m_experimentDock, m_metricsDock);
        tabifyDockWidget(m_metricsDock, m_soundnessDock);
    }
    for (PanelDock *dock : {m_runsDock, m_experimentDock, m_metricsDock, m_soundnessDock, m_logDock}) {
        dock->setVisible(docks || (compares && dock == m_runsDock));
    }
    if (compares && isVisible()) {
        QTimer::singleShot(0, this, [this] { resizeDocks({m_runsDock}, {m_narrow ? 270 : 322}, Qt::Horizontal); });
    }
    if (docks && isVisible()) {
        m_metricsDock->raise();
        (m_composing ? m_experimentDock : m_runsDock)->raise();
        QTimer::singleShot(0, this, [this] { // their layout has run by then
            for (QTabBar *tabs : findChildren<QTabBar *>(QString(), Qt::FindDirectChildrenOnly)) {
                tabs->setDrawBase(false); // its line knows no theme
            }
            if (m_tight) {
                resizeDocks({m_runsDock}, {290}, Qt::Horizontal);
            } else {
                resizeDocks({m_runsDock, m_metricsDock}, {m_narrow ? 290 : 352, m_narrow ? 262 : 316}, Qt::Horizontal);
            }
            if (!m_low && !m_tight) {
                resizeDocks({m_runsDock, m_experimentDock}, {430, 420}, Qt::Vertical);
                resizeDocks({m_metricsDock, m_soundnessDock}, {430, 420}, Qt::Vertical);
            }
            resizeDocks({m_logDock}, {m_low ? 1 : 170}, Qt::Vertical); // 1: as low as it goes, one line
        });
    }
}

void MainWindow::fitScreen()
{
    if (QGuiApplication::platformName() == QLatin1String("offscreen")) {
        return; // its screen is none: pictures have the size that was asked for
    }
    const QSize room = screen()->availableSize();
    setMinimumSize(kSmallestWindow.boundedTo(room));
    resize(size().boundedTo(room));
}

void MainWindow::resizeEvent(QResizeEvent *event)
{
    QMainWindow::resizeEvent(event);
    if (m_layout == "train" && isVisible() &&
        ((height() < kLow) != m_low || (width() < kNarrow) != m_narrow || (width() < kTight) != m_tight)) {
        arrangeDocks();
    }
}

} // namespace sparsescope
