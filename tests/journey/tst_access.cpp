#include "app/checkpoint_dialog.h"
#include "app/continuation_dialog.h"
#include "app/export_dialog.h"
#include "app/help_dialog.h"
#include "app/preferences_dialog.h"
#include "tests/journey/controls.h"
#include "tests/journey/drawn_text.h"
#include "tests/journey/launch_window.h"
#include "tests/widgets/colour_vision.h"
#include "widgets/panels/compare_page.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/plots/view.h"

#include <QPlainTextEdit>
#include <QSet>

using namespace sparsescope;
using test::controlsOf;
using test::described;
using test::nameOf;
using test::orderFault;

namespace {

enum class Surface {
    FirstRun,
    Train,
    Atlas,
    Focus,
    Compare,
    Speed,
    Export,
    Checkpoint,
    Continuation,
    Preferences,
    Help
};

const std::pair<const char *, Surface> kSurfaces[] = {{"first run", Surface::FirstRun},
                                                      {"train", Surface::Train},
                                                      {"atlas", Surface::Atlas},
                                                      {"focus", Surface::Focus},
                                                      {"compare", Surface::Compare},
                                                      {"speed", Surface::Speed},
                                                      {"export dialog", Surface::Export},
                                                      {"checkpoint dialog", Surface::Checkpoint},
                                                      {"continuation dialog", Surface::Continuation},
                                                      {"preferences", Surface::Preferences},
                                                      {"help", Surface::Help}};

} // namespace

/// Every widget of the window and of its dialogs, in both themes: it has a name, the keyboard gets to it in reading order, and
/// what is written on it can be read. Runs of four families trained by the engine are open.
class tst_Access : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void everyControlHasAName_data() { surfaces(); }
    void everyControlHasAName();
    void theKeyboardGetsEverywhere_data() { surfaces(); }
    void theKeyboardGetsEverywhere();
    void textStandsOut_data() { surfaces(); }
    void textStandsOut();
    void textOfFiguresStandsOut_data();
    void textOfFiguresStandsOut();
    void familiesOfAFigureAreToldApart_data();
    void familiesOfAFigureAreToldApart();
    void marksOfTheRunTableAreSpokenAndHaveAKey();

private:
    static void surfaces();
    /// The widget to look at, shown and settled.
    QWidget *show(Surface surface);
    QWidget *shown()
    {
        QFETCH(int, surface);
        QFETCH(bool, dark);
        if (const Theme theme = dark ? Theme::Dark : Theme::Light; theme != currentTheme()) {
            applyTheme(*qApp, theme);
        }
        return show(static_cast<Surface>(surface));
    }

    test::LaunchWindow m_first, m_window;
    std::unique_ptr<QDialog> m_dialog;
};

void tst_Access::surfaces()
{
    QTest::addColumn<int>("surface");
    QTest::addColumn<bool>("dark");
    for (const bool dark : {false, true}) {
        for (const auto &[name, surface] : kSurfaces) {
            QTest::addRow("%s, %s", name, dark ? "dark" : "light") << static_cast<int>(surface) << dark;
        }
    }
}

void tst_Access::initTestCase()
{
    test::LaunchWindow::prepare();
    m_first.open();
    nlohmann::ordered_json document = tinyExperiment();
    document["training"]["steps"] = 40;
    document["training"]["eval_every"] = 10;
    document["probe"]["every"] = 20;
    document["sweep"] = {{"family", {"classic", "sparse", "mhla", "mhla_sparse"}}, {"seed", {0, 1}}};
    std::ofstream(m_window.file("presets") / "tiny.json") << document.dump(2);
    m_window.open();
    QVERIFY(m_window->startPreset("tiny"));
    QTRY_VERIFY_WITH_TIMEOUT(!m_window->queue().training(), 240000);
    for (RunData *run : m_window->runs()) {
        QVERIFY2(run->state() == RunState::Finished, qPrintable(run->reason()));
        if (run->config().model.family == Family::MhlaSparse) {
            m_window->setCurrentRun(run);
        }
    }
}

void tst_Access::cleanupTestCase() { m_dialog.reset(); }

QWidget *tst_Access::show(Surface surface)
{
    m_dialog.reset();
    const auto dialog = [this](QDialog *made) {
        made->setAttribute(Qt::WA_DeleteOnClose, false);
        m_dialog.reset(made);
        made->show();
        made->activateWindow();
        const auto *text =
            made->findChild<QPlainTextEdit *>(QStringLiteral("checkpointText")); // it reads the folder first
        const bool ready = QTest::qWaitForWindowActive(made) &&
                           QTest::qWaitFor([text] { return text == nullptr || text->isVisible(); }, 20000);
        return ready ? made : nullptr;
    };
    const std::filesystem::path folder = m_window->currentRun()->folder();
    if (surface == Surface::Export) {
        return dialog(new ExportDialog(m_window->figures(), QStringLiteral("loss"), m_window.get()));
    }
    if (surface == Surface::Checkpoint) {
        const auto checkpoint = std::filesystem::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) /
                                "tests/truth/hf-deepseek_v32";
        return dialog(new CheckpointDialog(checkpoint, m_window.file("looks"), m_window.get()));
    }
    if (surface == Surface::Continuation) {
        return dialog(
            new ContinuationDialog(folder, QStringLiteral("tiny"), m_window.file("continued"), {}, m_window.get()));
    }
    if (surface == Surface::Preferences) {
        return dialog(new PreferencesDialog({}, m_window.get()));
    }
    if (surface == Surface::Help) {
        return dialog(new HelpDialog(QStringLiteral("Terms"), {}, termRows(), false, m_window.get()));
    }
    MainWindow *window = surface == Surface::FirstRun ? m_first.get() : m_window.get();
    window->activateWindow();
    window->showPage(surface == Surface::Compare                              ? Page::Compare
                     : surface == Surface::Speed                              ? Page::Speed
                     : surface == Surface::Atlas || surface == Surface::Focus ? Page::Inspect
                                                                              : Page::Train);
    if (surface == Surface::Atlas || surface == Surface::Focus) {
        window->viewState().setInspect(surface == Surface::Atlas ? InspectView::Atlas : InspectView::Focus);
    }
    const bool done = QTest::qWaitForWindowActive(window) &&
                      QTest::qWaitFor(
                          [&] {
                              return (!window->inspectPage()->isVisible() || window->inspectPage()->settled()) &&
                                     (!window->comparePage()->isVisible() || window->comparePage()->settled());
                          },
                          20000);
    QTest::qWait(50); // layouts that were asked for have run
    return done ? window : nullptr;
}

void tst_Access::everyControlHasAName()
{
    QWidget *top = shown();
    QVERIFY(top != nullptr);
    const std::vector<QWidget *> controls = controlsOf(top);
    QVERIFY(controls.size() >= 2);
    QStringList wrong;
    for (const QWidget *control : controls) {
        const QString name = nameOf(control);
        if (name.isEmpty()) {
            wrong << described(control) + QStringLiteral(" has no name");
        }
        const auto *button = qobject_cast<const QAbstractButton *>(control);
        const QString words = button != nullptr ? button->text().remove(QLatin1Char('&')) : QString();
        if (!words.isEmpty() && !name.contains(words)) {
            wrong << described(control) + QStringLiteral(" is named otherwise than it says: ") + words;
        }
    }
    QVERIFY2(wrong.isEmpty(), qPrintable(QLatin1Char('\n') + wrong.join(QLatin1Char('\n'))));
}

void tst_Access::theKeyboardGetsEverywhere()
{
    QWidget *top = shown();
    QVERIFY(top != nullptr);
    QSet<const QWidget *> reached;
    std::vector<QWidget *> order;
    QWidget *at = nullptr;
    // From the first one on, wherever the focus was left.
    for (QWidget *first = top->nextInFocusChain(); first != top && at == nullptr; first = first->nextInFocusChain()) {
        if (first->isVisible() && first->isEnabled() && first->focusPolicy() & Qt::TabFocus && !first->focusProxy()) {
            first->setFocus(Qt::TabFocusReason);
            at = first;
        }
    }
    QVERIFY(at != nullptr);
    QTRY_VERIFY2(at->hasFocus(), qPrintable(described(at)));
    reached.insert(at);
    order.push_back(at);
    for (int tabs = 0; tabs < 400; ++tabs) {
        QTest::keyClick(at, Qt::Key_Tab);
        QWidget *next = QApplication::focusWidget();
        QVERIFY2(next != nullptr && next != at, qPrintable(QStringLiteral("Tab stays in ") + described(at)));
        at = next;
        if (reached.contains(at)) {
            break;
        }
        reached.insert(at);
        order.push_back(at);
    }
    QStringList wrong;
    for (QWidget *control : controlsOf(top)) {
        bool byKeys = !control->isEnabled() || reached.contains(control) || reached.contains(control->focusProxy());
        // Of buttons that exclude each other Tab gets to the checked one, arrows to the others.
        if (const auto *button = qobject_cast<const QAbstractButton *>(control); button != nullptr && !byKeys) {
            for (const QWidget *other : reached) {
                const auto *sibling = qobject_cast<const QAbstractButton *>(other);
                byKeys = byKeys || (sibling != nullptr && sibling->parentWidget() == button->parentWidget() &&
                                    sibling->isCheckable() && button->isCheckable());
            }
        }
        if (!byKeys) {
            wrong << described(control) + QStringLiteral(" is not reached");
        }
    }
    for (std::size_t i = 1; i < order.size(); ++i) {
        if (QString fault = orderFault(*order[i - 1], *order[i]); !fault.isEmpty()) {
            wrong << fault;
        }
    }
    QVERIFY2(wrong.isEmpty(), qPrintable(QLatin1Char('\n') + wrong.join(QLatin1Char('\n'))));
}

void tst_Access::textStandsOut()
{
    QWidget *top = shown();
    QVERIFY(top != nullptr);
    int checked = 0;
    QStringList faint = test::faintTexts(
        top->size(), [top](QPaintDevice &device) { top->render(&device); }, checked);
    QVERIFY2(checked >= 10, qPrintable(QString::number(checked)));
    QImage image(top->size() * 2, QImage::Format_RGB32);
    image.setDevicePixelRatio(2);
    image.fill(Qt::white);
    top->render(&image);
    for (QWidget *control : controlsOf(top)) {
        const auto *button = qobject_cast<QAbstractButton *>(control);
        if (button != nullptr && button->text().isEmpty() && button->isEnabled()) {
            const QRectF box(button->mapTo(top, QPoint(3, 3)), button->size() - QSize(6, 6));
            const double found = test::highestContrast(image, box);
            if (found < 3) {
                faint << described(button) + QStringLiteral(": its sign has contrast %1").arg(found, 0, 'f', 2);
            }
        }
    }
    QVERIFY2(faint.isEmpty(), qPrintable(QLatin1Char('\n') + faint.join(QLatin1Char('\n'))));
}

void tst_Access::textOfFiguresStandsOut_data()
{
    QTest::addColumn<QString>("figure");
    QTest::addColumn<bool>("dark");
    applyTheme(*qApp, Theme::Light);
    for (const Surface surface : {Surface::Speed, Surface::Compare, Surface::Atlas, Surface::Focus}) {
        show(surface);
    }
    for (const auto &figure : m_window->figures()) {
        for (const bool dark : {false, true}) {
            QTest::addRow("%s, %s", qPrintable(figure.first), dark ? "dark" : "light") << figure.first << dark;
        }
    }
}

void tst_Access::textOfFiguresStandsOut()
{
    QFETCH(QString, figure);
    QFETCH(bool, dark);
    const auto figures = m_window->figures();
    const auto found =
        std::find_if(figures.begin(), figures.end(), [&](const auto &one) { return one.first == figure; });
    QVERIFY(found != figures.end());
    const ExportableView &view = *found->second;
    const Tokens &colours = tokens(dark ? Theme::Dark : Theme::Light);
    const QSizeF size = view.figureSize();
    int checked = 0;
    const QStringList faint = test::faintTexts(
        size.toSize(),
        [&](QPaintDevice &device) {
            QPainter painter(&device);
            painter.fillRect(QRectF({}, size), colours.panel);
            view.paintFigure(painter, size, colours);
        },
        checked);
    QVERIFY2(checked > 3, qPrintable(QString::number(checked)));
    QVERIFY2(faint.isEmpty(), qPrintable(QLatin1Char('\n') + faint.join(QLatin1Char('\n'))));
}

void tst_Access::familiesOfAFigureAreToldApart_data()
{
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
}

/// The loss of four families as it is exported, through the eyes of those who lack a kind of cone.
void tst_Access::familiesOfAFigureAreToldApart()
{
    QFETCH(bool, dark);
    const auto figures = m_window->figures();
    const auto loss = std::find_if(figures.begin(), figures.end(), [](const auto &one) { return one.first == "loss"; });
    QVERIFY(loss != figures.end());
    const Tokens &colours = tokens(dark ? Theme::Dark : Theme::Light);
    const QSizeF size = loss->second->figureSize();
    QImage image(size.toSize() * 2, QImage::Format_RGB32);
    image.setDevicePixelRatio(2);
    {
        QPainter painter(&image);
        painter.fillRect(QRectF({}, size), colours.panel);
        loss->second->paintFigure(painter, size, colours);
    }
    const Family families[] = {Family::Classic, Family::Sparse, Family::Mhla, Family::MhlaSparse};
    for (const test::Vision vision : test::kVisions) {
        std::vector<test::LinearRgb> curves;
        for (const Family family : families) {
            const QRgb colour = familyColour(family, colours).rgb();
            int pixels = 0;
            for (int y = 0; y < image.height(); ++y) {
                for (int x = 0; x < image.width(); ++x) {
                    pixels += image.pixel(x, y) == colour ? 1 : 0;
                }
            }
            QVERIFY2(pixels > 100, qPrintable(QString::number(pixels)));
            curves.push_back(seen(QColor::fromRgb(colour), vision));
            QVERIFY(test::distance(curves.back(), seen(colours.panel, vision)) > 25);
        }
        for (std::size_t i = 0; i < curves.size(); ++i) {
            for (std::size_t k = 0; k < i; ++k) {
                QVERIFY(test::distance(curves[i], curves[k]) >= 12);
            }
        }
    }
}

void tst_Access::marksOfTheRunTableAreSpokenAndHaveAKey()
{
    QVERIFY(show(Surface::Compare) != nullptr);
    auto *table = m_window.child<QTreeView>("runTable");
    const auto spoken = [table] {
        QStringList words;
        const QAbstractItemModel *model = table->model();
        for (int run = 0; run < model->rowCount(model->index(0, 0)); ++run) {
            words << model->index(run, 0, model->index(0, 0)).data(Qt::AccessibleTextRole).toString();
        }
        return words;
    };
    QCOMPARE(spoken().filter(QStringLiteral("side A")).size(), 2);
    QCOMPARE(spoken().filter(QStringLiteral("side B")).size(), 2);
    QCOMPARE(spoken().filter(QStringLiteral("not drawn")).size(), 4);
    table->setFocus();
    const QModelIndex group = table->model()->index(0, 0);
    for (int run = 0; run < 8; ++run) {
        const QModelIndex row = table->model()->index(run, 0, group);
        if (row.data(Qt::AccessibleTextRole).toString().contains(QStringLiteral("not drawn"))) {
            table->setCurrentIndex(row);
            break;
        }
    }
    QTest::keyClick(table, Qt::Key_C);
    QCOMPARE(spoken().filter(QStringLiteral("drawn beside")).size(), 1);
    QCOMPARE(m_window->viewState().view().compared.size(), 1);
    QTest::keyClick(table, Qt::Key_C);
    QVERIFY(m_window->viewState().view().compared.isEmpty());
}

QTEST_MAIN(tst_Access)
#include "tst_access.moc"
