#include "app/main_window.h"

#include "core/base/bench_document.h"
#include "core/base/presets.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/panels/speed_page.h"

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

/// Measurements: those that come with the program, those that somebody opens, and those that are made here.
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
    for (const std::filesystem::path &folder : {presetFolder() / "results" / "bench", measurementFolder()}) {
        for (const auto &entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
            if (entry.path().extension() == ".json") {
                files.push_back(entry.path());
            }
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

std::filesystem::path MainWindow::measurementFolder() const { return m_options.out / "measurements"; }

void MainWindow::connectSpeed()
{
    connect(m_speedPage, &SpeedPage::statusChanged, this, [this] {
        showCursor();
        showBenchable();
    });
    connect(m_speedPage, &SpeedPage::measureRequested, this, [this] { measure(m_speedPage->shownDocument()); });
    connect(m_speedPage, &SpeedPage::firstRequested, this, [this] {
        BenchDocument first = usualBench();
        first.gpu = m_device.isCuda;
        measure(std::make_shared<const BenchDocument>(std::move(first)));
    });
    connect(m_speedPage, &SpeedPage::openRequested, this, &MainWindow::chooseFile);
    connect(m_speedPage, &SpeedPage::cancelRequested, this, &MainWindow::endMeasurement);
    connect(m_bench.get(), &BenchProcess::progressed, this, [this](const QString &what, double share) {
        m_speedPage->setMeasuring((m_pausedForBench ? QStringLiteral("Training is paused · ") : QString()) + what,
                                  share);
    });
    connect(m_bench.get(), &BenchProcess::finished, this, [this](const std::filesystem::path &file) {
        endMeasurement();
        openMeasurement(file);
    });
    connect(m_bench.get(), &BenchProcess::failed, this, [this](const QString &reason) {
        endMeasurement();
        m_notices->post(QStringLiteral("measurement"), NoticeBar::Kind::Failed, QStringLiteral("Nothing was measured"),
                        reason);
    });
    showBenchable();
}

QString MainWindow::whyNotMeasured() const
{
    const BenchDocument *shown = m_speedPage->shown();
    return shown == nullptr ? QStringLiteral("Open a measurement first.") : whyNotMeasured(*shown);
}

QString MainWindow::whyNotMeasured(const BenchDocument &what) const
{
    std::error_code ignored;
    if (!std::filesystem::exists(BenchProcess::program().toStdString(), ignored)) {
        return QStringLiteral("%1 is not there: it is what measures.").arg(BenchProcess::program());
    }
    if (m_device.name.empty()) {
        return QStringLiteral("Looking for devices…");
    }
    if (what.gpu && !m_device.isCuda && what.machine.empty()) {
        return QStringLiteral("Measuring needs an NVIDIA card%1.")
            .arg(m_device.note.empty() ? QString()
                                       : QStringLiteral(" (%1)").arg(QString::fromStdString(m_device.note)));
    }
    if (what.gpu && !m_device.isCuda) {
        return QStringLiteral(
                   "No GPU is used here%1. This was measured on %2; the CPU's time for it says nothing about "
                   "the kernels.")
            .arg(m_device.note.empty() ? QString() : QStringLiteral(" (%1)").arg(QString::fromStdString(m_device.note)),
                 QString::fromStdString(what.machine));
    }
    return {};
}

void MainWindow::showBenchable()
{
    if (m_options.frozen && !m_options.describeDevice) { // a picture does not say what its machine lacks
        return;
    }
    const QString why = whyNotMeasured();
    m_speedPage->setMeasurable(why.isEmpty(),
                               !why.isEmpty() ? why
                                              : QStringLiteral("The same sizes on %1. Training is paused meanwhile.")
                                                    .arg(QString::fromStdString(m_device.description)));
    const QString whyNoFirst = whyNotMeasured(usualBench());
    m_speedPage->setFirst(whyNoFirst.isEmpty() ? QStringLiteral("Measure this card") : QString(), whyNoFirst);
    m_speedPage->setRemark(!m_device.name.empty() && m_speedPage->shown() != nullptr ? why : QString());
}

void MainWindow::measure(std::shared_ptr<const BenchDocument> what)
{
    if (what == nullptr || !whyNotMeasured(*what).isEmpty() || m_bench->running()) {
        return;
    }
    m_benchDue = std::move(what);
    if (m_queue.training() && !m_queue.thread().pausing()) {
        m_pausedForBench = true;
        m_queue.pause();
    }
    m_speedPage->setMeasuring(QStringLiteral("Training is being paused"), 0);
    showTraining(); // begins at once where nothing trains
}

void MainWindow::beginMeasurement()
{
    const std::shared_ptr<const BenchDocument> document = std::exchange(m_benchDue, nullptr);
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::absolute(measurementFolder(), ignored);
    const std::string name = benchName(*document);
    std::filesystem::path file = folder / (name + ".json");
    for (int number = 2; std::filesystem::exists(file, ignored); ++number) {
        file = folder / (name + "-" + std::to_string(number) + ".json");
    }
    m_bench->start(benchCommand(*document, m_options.device, file), file, static_cast<int>(document->rows.size()));
}

void MainWindow::endMeasurement()
{
    m_benchDue.reset();
    m_bench->cancel();
    m_speedPage->setMeasuring({}, 0);
    if (std::exchange(m_pausedForBench, false) && m_queue.training() && m_queue.thread().pausing()) {
        m_queue.resume();
    }
}

} // namespace sparsescope
