#pragma once

#include "app/main_window.h"
#include "core/base/remedies.h"
#include "core/experiment/runner.h"
#include "core/train/warm_up.h"
#include "widgets/panels/config_form.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QComboBox>
#include <QDialog>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include <future>
#include <memory>

/// A window on an empty folder with the presets that come with the program and the real engine on the CPU, which has been
/// loaded: a person reads for some seconds before the first click.
namespace sparsescope::test {

class LiveWindow {
public:
    /// Before the first window of a test program.
    static void prepare();
    void open();
    void close() { m_window.reset(); }
    WindowOptions options() const;
    MainWindow *operator->() const { return m_window.get(); }
    MainWindow *get() const { return m_window.get(); }
    template <class T>
    T *child(const char *name) const
    {
        return m_window->findChild<T *>(QLatin1String(name));
    }
    void click(const char *name) const { QTest::mouseClick(child<QWidget>(name), Qt::LeftButton); }
    void type(const char *edit, const QString &text) const
    {
        auto *field = child<QLineEdit>(edit);
        field->setFocus();
        field->selectAll();
        QTest::keyClicks(field, text);
    }
    /// On the first-run page: into the form.
    void choosePreset(const char *name) const;
    /// Through the export dialog, into a folder that goes with this object: path of the file. `figure` empty: the one proposed.
    QString exported(const QString &figure, const char *format) const;

private:
    QTemporaryDir m_out, m_exports;
    std::unique_ptr<MainWindow> m_window;
};

inline void LiveWindow::prepare()
{
    QStandardPaths::setTestModeEnabled(true);
    writeFor(Reader::Window);
    QApplication::setOrganizationName(QStringLiteral("sparsescope-test"));
    applyTheme(*qApp, Theme::Light);
}

inline WindowOptions LiveWindow::options() const
{
    WindowOptions options;
    options.out = m_out.path().toStdString();
    options.device = "cpu";
    options.describeDevice = describeDevice;
    return options;
}

inline void LiveWindow::open()
{
    WindowOptions given = options();
    auto warm = std::make_shared<std::promise<void>>();
    given.warmUp = [warm](const std::string &device) {
        const DeviceSpeed speed = warmUpEngine(device);
        warm->set_value();
        return speed;
    };
    m_window = std::make_unique<MainWindow>(runExperiment, given);
    m_window->resize(1600, 1000);
    m_window->show();
    m_window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window.get()));
    QVERIFY(warm->get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
}

inline void LiveWindow::choosePreset(const char *name) const
{
    click("presetButton");
    auto *presets = child<QComboBox>("presetCombo");
    QVERIFY(presets->isVisible());
    QVERIFY(presets->findText(QLatin1String(name)) >= 0);
    presets->setCurrentText(QLatin1String(name));
    QVERIFY(m_window->form()->experiment().has_value());
}

inline QString LiveWindow::exported(const QString &figure, const char *format) const
{
    QString written;
    QTimer::singleShot(0, m_window.get(), [&] {
        auto *dialog = qobject_cast<QDialog *>(QApplication::activeModalWidget());
        QVERIFY(dialog != nullptr);
        if (!figure.isEmpty()) {
            auto *figures = dialog->findChild<QComboBox *>(QStringLiteral("exportFigure"));
            QVERIFY2(figures->findData(figure) >= 0, qPrintable(figure));
            figures->setCurrentIndex(figures->findData(figure));
        }
        dialog->findChild<QLineEdit *>(QStringLiteral("exportFolder"))->setText(m_exports.path());
        dialog->findChild<QComboBox *>(QStringLiteral("exportFormat"))->setCurrentText(QLatin1String(format));
        QTest::mouseClick(dialog->findChild<QPushButton *>(QStringLiteral("exportSave")), Qt::LeftButton);
        written = dialog->findChild<QLabel *>(QStringLiteral("exportTarget"))->toolTip(); // the path, whole
        dialog->reject();
    });
    m_window->exportFigures();
    return written;
}

} // namespace sparsescope::test
