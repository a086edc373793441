#include "app/main_window.h"

#include "app/estimate.h"
#include "widgets/panels/config_form.h"
#include "widgets/panels/first_run_page.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/state/number_text.h"

#include <QFuture>
#include <QPromise>
#include <QThreadPool>

/// Which device there is, how fast it is, and what that means for the demonstration.
namespace sparsescope {

void MainWindow::showDemoSize()
{
    if (m_demo.empty()) {
        return;
    }
    QString words = QStringLiteral("%1 layers, L = %2, all four families")
                        .arg(m_demo.front().model.nLayers)
                        .arg(m_demo.front().training.sequenceLength);
    if (m_speed) {
        words += QStringLiteral(", about %1 on this %2")
                     .arg(roughDurationText(estimatedSeconds(m_demo, *m_speed)),
                          m_device.isCuda ? QStringLiteral("GPU") : QStringLiteral("CPU"));
    }
    m_firstRun->setDemoSize(words);
}

DeviceSpeed MainWindow::speed() const { return m_speed.value_or(typicalSpeed(m_device.isCuda)); }

void MainWindow::warmUp()
{
    m_queue.thread().prepare([this, warmUp = m_options.warmUp, device = m_options.device] {
        const DeviceSpeed speed = warmUp(device);
        QMetaObject::invokeMethod( // the window outlives the thread: the queue joins it
            this,
            [this, speed] {
                m_speed = speed;
                m_form->refreshEstimate();
                showQueue();
                showDemoSize();
            },
            Qt::QueuedConnection);
    });
}

/// From now on; what trains at the moment stays where it is.
void MainWindow::useCpu()
{
    m_options.device = "cpu";
    m_queue.setDevice(m_options.device);
    m_selectorMeasure->setDevice(m_options.device);
    m_checks->setDevice(m_options.device);
    m_notices->remove(QStringLiteral("device"));
    m_speed.reset(); // that of the other one
    lookForDevice();
    m_form->refreshEstimate();
}

void MainWindow::lookForDevice()
{
    if (!m_options.describeDevice) {
        if (m_current == nullptr) {
            m_toolbar->setDevice(QStringLiteral("CPU"), false, {});
        }
        return;
    }
    struct Answer {
        DeviceInfo info;
        QString failure;
    };
    auto promise = std::make_shared<QPromise<Answer>>();
    promise->future().then(this, [this](const Answer &answer) {
        const bool found = answer.failure.isEmpty();
        m_device = answer.info;
        m_toolbar->setDevice(found ? QString::fromStdString(answer.info.description) : QStringLiteral("No device"),
                             !found || !m_device.note.empty(),
                             found ? QString::fromStdString(answer.info.note) : answer.failure);
        m_firstRun->setCpuOnly(!m_device.isCuda);
        showBenchable();
        if (!found) {
            m_notices->post(QStringLiteral("device"), NoticeBar::Kind::Failed,
                            QStringLiteral("The device cannot be used"), answer.failure,
                            {{QStringLiteral("Use the CPU"), [this] { useCpu(); }}});
        }
    });
    QThreadPool::globalInstance()->start([promise, describe = m_options.describeDevice, device = m_options.device] {
        Answer answer;
        promise->start();
        try {
            answer.info = describe(device);
        } catch (const std::exception &error) {
            answer.failure = QString::fromUtf8(error.what());
        }
        promise->addResult(std::move(answer));
        promise->finish();
    });
}

} // namespace sparsescope
