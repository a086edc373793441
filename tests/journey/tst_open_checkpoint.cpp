#include "core/base/run_store.h"
#include "core/base/safetensors.h"
#include "tests/core/tiny_experiment.h"
#include "tests/journey/live_window.h"
#include "widgets/panels/inspect_page.h"
#include "widgets/panels/notice_bar.h"
#include "widgets/plots/atlas_view.h"
#include "widgets/state/run_data.h"
#include "widgets/style/dialogs.h"

#include <QComboBox>
#include <QJsonDocument>
#include <QJsonObject>
#include <QPlainTextEdit>
#include <QProcess>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace sparsescope;
namespace fs = std::filesystem;

namespace {

constexpr int kTokens = 48, kTopK = 8; ///< of the vectors beside the models

fs::path truth(const char *model)
{
    return fs::path(qEnvironmentVariable("SPARSESCOPE_SOURCE").toStdString()) / "tests/truth" / model;
}

/// The first text of the vectors, as one would type it.
QString idsOf(const fs::path &checkpoint)
{
    const std::vector<std::int64_t> ids =
        SafetensorsFile(checkpoint / "vectors.safetensors").read<std::int64_t>("input_ids");
    QStringList words;
    for (int i = 0; i < kTokens; ++i) {
        words << QString::number(ids[static_cast<std::size_t>(i)]);
    }
    return words.join(QStringLiteral(", "));
}

} // namespace

/// A person opens checkpoints that were made elsewhere: types a text for one and finds on the Inspect page what its own
/// implementation selects; looks at one layer alone; meets a damaged one and one that cannot be read; changes their mind.
class tst_OpenCheckpoint : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { test::LiveWindow::prepare(); }
    void init();
    void cleanup() { m_window.reset(); }
    void selectsWhatItsOwnImplementationSelects();
    void oneLayerAlone();
    void moreTokensThanPositionsAreSaid();
    void readsBytesWhereTheModelDoes();
    void damagedWeightsAreNamed();
    void whatIsNoCheckpointSaysSo();
    void cancelLeavesNothing();
    void isNeitherTrainedNorCheckedHere();

private:
    /// Through the Open button of the first page, by the dialog for folders.
    void open(const fs::path &checkpoint);
    template <class T>
    T *part(const char *name) const
    {
        return m_window->child<T>(name);
    }
    void type(const QString &text) const { QTest::keyClicks(part<QPlainTextEdit>("checkpointText"), text); }
    void look() const { QTest::mouseClick(part<QPushButton>("checkpointLook"), Qt::LeftButton); }
    std::shared_ptr<const AtlasPicture> seen() const;
    fs::path copyOf(const char *model) const;

    QTemporaryDir m_folder;
    std::unique_ptr<test::LiveWindow> m_window;
};

void tst_OpenCheckpoint::init()
{
    m_window = std::make_unique<test::LiveWindow>();
    m_window->open();
}

void tst_OpenCheckpoint::open(const fs::path &checkpoint)
{
    dialogs::setNextPath(QString::fromStdString(checkpoint.string()));
    m_window->click("openButton");
    QTRY_VERIFY(part<QDialog>("checkpointDialog") != nullptr && part<QDialog>("checkpointDialog")->isVisible());
}

std::shared_ptr<const AtlasPicture> tst_OpenCheckpoint::seen() const
{
    auto *atlas = part<AtlasView>("atlasView");
    const bool there = QTest::qWaitFor(
        [&] {
            return (*m_window)->page() == Page::Inspect && atlas->isVisible() && atlas->picture() &&
                   atlas->picture()->complete && (*m_window)->inspectPage()->settled();
        },
        20000);
    return there ? atlas->picture() : nullptr;
}

fs::path tst_OpenCheckpoint::copyOf(const char *model) const
{
    const fs::path copy = fs::path(m_folder.path().toStdString()) / model;
    fs::copy(truth(model), copy, fs::copy_options::overwrite_existing | fs::copy_options::recursive);
    return copy;
}

void tst_OpenCheckpoint::selectsWhatItsOwnImplementationSelects()
{
    const fs::path checkpoint = truth("hf-deepseek_v32");
    open(checkpoint);
    auto *text = part<QPlainTextEdit>("checkpointText");
    QTRY_VERIFY(text->isVisible());
    QVERIFY(part<QLabel>("checkpointFacts")->text().contains("k 8"));
    auto *start = part<QPushButton>("checkpointLook");
    auto *fault = part<QLabel>("checkpointFault");
    QVERIFY(!start->isEnabled()); // 260 kinds of tokens: no bytes, so nothing is proposed
    type("5, 17, 260");
    QVERIFY(!start->isEnabled());
    QVERIFY2(fault->text().contains("got 260, allowed 0 to 259"), qPrintable(fault->text()));
    text->selectAll();
    QTest::keyClick(text, Qt::Key_Delete);
    type(idsOf(checkpoint));
    QVERIFY(start->isEnabled() && !fault->isVisible());
    look();

    const auto picture = seen();
    QVERIFY(picture != nullptr);
    const Snapshot &snapshot = *picture->request.snapshot;
    QCOMPARE(snapshot.length(), kTokens);
    QCOMPARE(snapshot.layers.size(), std::size_t{2});
    const SafetensorsFile vectors(checkpoint / "vectors.safetensors");
    for (std::size_t layer = 0; layer < 2; ++layer) {
        const auto chosen =
            vectors.read<std::int32_t>("layer" + std::to_string(layer) + ".topk_indices", {2, kTokens, kTopK});
        for (int t = 0; t < kTokens; ++t) {
            std::set<int> expected, found;
            for (int rank = 0; rank < kTopK; ++rank) {
                expected.insert(chosen[static_cast<std::size_t>(t * kTopK + rank)]);
            }
            expected.erase(-1);
            for (int s = 0; s < kTokens; ++s) {
                if (snapshot.layers[layer].isSelected(t, s, kTokens)) {
                    found.insert(s);
                }
            }
            QVERIFY2(found == expected, qPrintable(QString("layer %1, query %2").arg(layer).arg(t)));
        }
    }
    QVERIFY(part<QDialog>("checkpointDialog") == nullptr || !part<QDialog>("checkpointDialog")->isVisible());
}

void tst_OpenCheckpoint::oneLayerAlone()
{
    open(truth("hf-glm_moe_dsa-share"));
    auto *layer = part<QComboBox>("checkpointLayer");
    QTRY_VERIFY(layer->isVisible());
    QCOMPARE(layer->count(), 4);
    layer->setFocus();
    QTest::keyClick(layer, Qt::Key_Down);
    QTest::keyClick(layer, Qt::Key_Down);
    type(idsOf(truth("hf-glm_moe_dsa-share")));
    look();
    const auto picture = seen();
    QVERIFY(picture != nullptr);
    QCOMPARE(picture->request.snapshot->layers.size(), std::size_t{1});
    QCOMPARE(picture->request.snapshot->layers.front().layer, 1);
    QTest::keyClick((*m_window)->inspectPage(), Qt::Key_Return);
    QTRY_VERIFY((*m_window)->inspectPage()->settled());
    QVERIFY2((*m_window)->inspectPage()->cursorText().startsWith("Layer 1"),
             qPrintable((*m_window)->inspectPage()->cursorText()));
}

void tst_OpenCheckpoint::moreTokensThanPositionsAreSaid()
{
    const fs::path checkpoint = copyOf("hf-deepseek_v32");
    QFile config(QString::fromStdString((checkpoint / "config.json").string()));
    QVERIFY(config.setPermissions(QFile::ReadOwner | QFile::WriteOwner) && config.open(QIODevice::ReadOnly));
    QJsonObject values = QJsonDocument::fromJson(config.readAll()).object();
    config.close();
    values["max_position_embeddings"] = kTokens - 1;
    QVERIFY(config.open(QIODevice::WriteOnly | QIODevice::Truncate));
    config.write(QJsonDocument(values).toJson());
    config.close();
    open(checkpoint);
    QTRY_VERIFY(part<QPlainTextEdit>("checkpointText")->isVisible());
    type(idsOf(checkpoint));
    look();
    QVERIFY(seen() != nullptr);
    auto *notices = part<NoticeBar>("noticeBar");
    QTRY_COMPARE(notices->count(), 1);
    bool said = false;
    for (const QLabel *label : notices->findChildren<QLabel *>()) {
        said =
            said ||
            label->text().contains(
                QStringLiteral("max_position_embeddings: %1, and there are %2 tokens").arg(kTokens - 1).arg(kTokens)) ||
            label->toolTip().contains(QStringLiteral("max_position_embeddings"));
    }
    QVERIFY(said);
    fs::remove_all(checkpoint);
}

void tst_OpenCheckpoint::readsBytesWhereTheModelDoes()
{
    // A checkpoint that was trained here and left as a Hugging Face folder.
    const QString runs = m_folder.filePath("runs"), program = qEnvironmentVariable("SPARSESCOPE_BIN");
    const auto run = [&](const QStringList &arguments) {
        QProcess process;
        process.start(program + "/sparsescope-cli", arguments);
        return process.waitForFinished(120000) && process.exitCode() == 0;
    };
    QFile corpus(m_folder.filePath("corpus.txt"));
    QVERIFY(corpus.open(QIODevice::WriteOnly));
    for (int i = 0; i < 400; ++i) {
        corpus.write(QByteArray("line ") + QByteArray::number(i) + " of a small text\n");
    }
    corpus.close();
    nlohmann::ordered_json experiment = tinyExperiment();
    experiment["data"] = {{"source", "text"}, {"path", corpus.fileName().toStdString()}, {"separator", "\n"}};
    experiment["sweep"]["family"] = {"mhla_sparse"};
    const QString file = m_folder.filePath("tiny.json");
    std::ofstream(file.toStdString()) << experiment.dump(2);
    QVERIFY(run({"train", file, "--device", "cpu", "--quiet", "--out", runs}));
    const QString folder = m_folder.filePath("hf");
    QVERIFY(run({"convert", runs + "/tiny/seq_24/mhla_sparse/seed_0", folder, "--to", "hf"}));
    open(folder.toStdString());
    auto *text = part<QPlainTextEdit>("checkpointText");
    QTRY_VERIFY(text->isVisible());
    QVERIFY(!text->toPlainText().isEmpty()); // a text to begin with
    QVERIFY(part<QPushButton>("checkpointLook")->isEnabled());
    text->selectAll();
    type("who opens the red door?");
    look();
    const auto picture = seen();
    QVERIFY(picture != nullptr);
    QCOMPARE(picture->request.snapshot->words.at(4), std::string("o"));
    QCOMPARE(picture->request.snapshot->length(), 23);
}

void tst_OpenCheckpoint::damagedWeightsAreNamed()
{
    const fs::path checkpoint = copyOf("hf-deepseek_v32");
    fs::resize_file(checkpoint / "model.safetensors", fs::file_size(checkpoint / "model.safetensors") / 2);
    open(checkpoint);
    auto *message = part<QDialog>("checkpointDialog")->findChild<QWidget *>("checkpointMessage");
    QTRY_VERIFY(message->accessibleName().startsWith("Could not open"));
    QVERIFY2(message->accessibleDescription().contains("model.safetensors"),
             qPrintable(message->accessibleDescription()));
    QVERIFY(!part<QPushButton>("checkpointLook")->isEnabled());
    QTest::keyClick(part<QDialog>("checkpointDialog"), Qt::Key_Escape);
    QTRY_VERIFY(part<QDialog>("checkpointDialog") == nullptr);
}

void tst_OpenCheckpoint::whatIsNoCheckpointSaysSo()
{
    const fs::path checkpoint = copyOf("hf-glm_moe_dsa");
    QFile config(QString::fromStdString((checkpoint / "config.json").string()));
    QVERIFY(config.open(QIODevice::ReadWrite));
    const QByteArray whole = config.readAll();
    QVERIFY(whole.contains("\"glm_moe_dsa\""));
    QVERIFY(config.resize(0) && config.seek(0));
    config.write(QByteArray(whole).replace("\"glm_moe_dsa\"", "\"gpt2\""));
    config.close();
    open(checkpoint);
    auto *message = part<QDialog>("checkpointDialog")->findChild<QWidget *>("checkpointMessage");
    QTRY_VERIFY(message->accessibleName().startsWith("Could not open"));
    QVERIFY2(message->accessibleDescription().contains("gpt2"), qPrintable(message->accessibleDescription()));
}

void tst_OpenCheckpoint::cancelLeavesNothing()
{
    open(truth("hf-deepseek_v32"));
    QTRY_VERIFY(part<QPlainTextEdit>("checkpointText")->isVisible());
    QStringList many; // a block takes a while
    for (int i = 0; i < 3000; ++i) {
        many << QString::number(i % 260);
    }
    part<QPlainTextEdit>("checkpointText")->setPlainText(many.join(QLatin1Char(' ')));
    look();
    QTest::mouseClick(part<QPushButton>("checkpointCancel"), Qt::LeftButton);
    QTRY_VERIFY(part<QPushButton>("checkpointLook")->isEnabled());
    QVERIFY(part<QDialog>("checkpointDialog")->isVisible()); // the question stays, to be asked otherwise
    QVERIFY(fs::is_empty(m_window->options().out));
    QTest::mouseClick(part<QPushButton>("checkpointCancel"), Qt::LeftButton);
    QTRY_VERIFY(part<QDialog>("checkpointDialog") == nullptr);
    QVERIFY((*m_window)->page() == Page::Train);
}

void tst_OpenCheckpoint::isNeitherTrainedNorCheckedHere()
{
    open(truth("hf-deepseek_v32"));
    QTRY_VERIFY(part<QPlainTextEdit>("checkpointText")->isVisible());
    type("1 2 3 4 5 6 7 8 9 10 11 12");
    look();
    QVERIFY(seen() != nullptr);
    const RunData *run = (*m_window)->currentRun();
    QVERIFY(run->state() == RunState::Finished);
    QVERIFY(QString::fromStdString(run->value("source").value_or("")).endsWith("hf-deepseek_v32"));
    m_window->click("trainPageButton");
    QVERIFY(!part<QPushButton>("runChecksButton")->isEnabled()); // no weights of it are here
    // A second look at it stands beside the first.
    dialogs::setNextPath(QString::fromStdString(truth("hf-deepseek_v32").string()));
    (*m_window)->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(m_window->get()));
    QTest::keyClick(m_window->get(), Qt::Key_O, Qt::ControlModifier);
    QTRY_VERIFY(part<QPlainTextEdit>("checkpointText") != nullptr &&
                part<QPlainTextEdit>("checkpointText")->isVisible());
    type("12 11 10 9 8 7 6 5 4 3 2 1");
    look();
    QTRY_COMPARE((*m_window)->runs().size(), std::size_t{2});
    QTRY_VERIFY((*m_window)->currentRun() != run);
    QVERIFY(seen() != nullptr);
    QCOMPARE(seen()->request.snapshot->tokens.front(), 12);
}

QTEST_MAIN(tst_OpenCheckpoint)
#include "tst_open_checkpoint.moc"
