#include "app/main_window.h"

#include "core/base/bench_document.h"
#include "core/base/presets.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/speed_page.h"

#include <algorithm>
#include <memory>
#include <system_error>
#include <vector>

/// Stored measurements: those that come with the program, and those that somebody opens.
namespace sparsescope {

/// Files of `bench` are some ten kilobytes: read where they are asked for.
void MainWindow::openMeasurement(const std::filesystem::path &file)
{
    try {
        m_speedPage->add(std::make_shared<const BenchDocument>(readBench(file)), true);
    } catch (const std::exception &error) {
        m_notices->post(QString::fromStdString(file.string()), NoticeBar::Kind::Failed,
                        QStringLiteral("Could not open %1").arg(QString::fromStdString(file.filename().string())),
                        QString::fromUtf8(error.what()));
        return;
    }
    showPage(Page::Speed);
}

void MainWindow::showStoredMeasurements()
{
    if (m_measurementsShown) {
        return;
    }
    m_measurementsShown = true;
    std::vector<std::filesystem::path> files;
    std::error_code ignored;
    for (const auto &entry :
         std::filesystem::recursive_directory_iterator(presetFolder() / "results" / "bench", ignored)) {
        if (entry.path().extension() == ".json") {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    // What the page is there for comes first: a whole layer at length.
    std::stable_partition(files.begin(), files.end(),
                          [](const auto &file) { return file.filename().string().starts_with("core_"); });
    for (const std::filesystem::path &file : files) {
        try {
            m_speedPage->add(std::make_shared<const BenchDocument>(readBench(file)), false);
        } catch (const std::exception &error) {
            m_notices->post(QString::fromStdString(file.string()), NoticeBar::Kind::Check,
                            QStringLiteral("A measurement is left out"), QString::fromUtf8(error.what()));
        }
    }
}

} // namespace sparsescope
