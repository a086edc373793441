#include "tests/widgets/fake_runs.h"
#include "widgets/panels/config_form.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

using namespace sparsescope;

class tst_ConfigForm : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { applyTheme(*qApp, Theme::Light); }
    void init();
    void cleanup() { m_form.reset(); }
    void aPresetComesThroughUnchanged();
    void badFieldsAreMarkedAndCounted();
    void roundedNumbersAreSaid();
    void listsBecomeSweeps();
    void thousandsAreOneNumber();
    void familiesAreCheckBoxes();
    void fieldsThatNoFamilyHasAreHidden();
    void everyFieldOfTheDescriptionIsThere();
    void resetBringsThePresetBack();
    void aCopyStandsInFront();
    void aDraftComesBackOverItsPreset();

private:
    QLineEdit *edit(const char *name) { return m_form->findChild<QLineEdit *>(QLatin1String(name)); }
    QPushButton *add() { return m_form->findChild<QPushButton *>(QStringLiteral("addToQueueButton")); }
    std::unique_ptr<ConfigForm> m_form;
};

void tst_ConfigForm::init()
{
    m_form = std::make_unique<ConfigForm>();
    m_form->setPresets({{"small", test::smallDocument(), {}}});
    m_form->resize(360, 700);
    m_form->show();
}

void tst_ConfigForm::aPresetComesThroughUnchanged()
{
    QVERIFY(m_form->experiment().has_value());
    const auto expected = expand(parseExperiment(test::smallDocument(), "test"));
    const auto got = expand(*m_form->experiment());
    QCOMPARE(got.size(), expected.size());
    for (std::size_t run = 0; run < got.size(); ++run) {
        QCOMPARE(toJson(got[run]).dump(), toJson(expected[run]).dump());
    }
    QCOMPARE(add()->text(), QStringLiteral("Add 4 runs to queue"));
    QSignalSpy added(m_form.get(), &ConfigForm::addRequested);
    QTest::mouseClick(add(), Qt::LeftButton);
    QCOMPARE(added.count(), 1);
}

void tst_ConfigForm::badFieldsAreMarkedAndCounted()
{
    edit("headsEdit")->setText(QStringLiteral("7")); // does not divide 32
    QVERIFY(!m_form->experiment().has_value());
    QVERIFY(!add()->isEnabled());
    edit("stepsEdit")->setText(QStringLiteral("0"));
    QVERIFY(edit("stepsEdit")->property("bad").toBool());
    QVERIFY(m_form->badFields() >= 2);
    auto *message = m_form->findChild<QLabel *>(QStringLiteral("configMessage"));
    QVERIFY(message->isVisible());
    QVERIFY2(message->text().contains(QStringLiteral("fields need a change before this can run")),
             qPrintable(message->text()));
    QSignalSpy added(m_form.get(), &ConfigForm::addRequested);
    QTest::mouseClick(add(), Qt::LeftButton);
    QCOMPARE(added.count(), 0);
    edit("headsEdit")->setText(QStringLiteral("4"));
    edit("stepsEdit")->setText(QStringLiteral("50"));
    QVERIFY(!edit("stepsEdit")->property("bad").toBool());
    QVERIFY(m_form->experiment().has_value());
    QVERIFY(!message->isVisible());
    QVERIFY(add()->isEnabled());
}

void tst_ConfigForm::roundedNumbersAreSaid()
{
    const auto said = [&] {
        QStringList words;
        for (const QLabel *label : edit("topkEdit")->parentWidget()->findChildren<QLabel *>()) {
            if (label->isVisible() && label->text().contains(QLatin1String("is taken"))) {
                words << label->text();
            }
        }
        return words.join(QLatin1Char('\n'));
    };
    QCOMPARE(said(), QString());
    edit("lengthEdit")->setText(QStringLiteral("64"));
    edit("topkEdit")->setText(QStringLiteral("L/3"));
    QVERIFY(m_form->experiment().has_value() && add()->isEnabled()); // it may run
    QVERIFY2(said().contains(QLatin1String(": L/3 is 21.3 at sequence length 64; 21 is taken.")), qPrintable(said()));
    QVERIFY2(!said().contains(QLatin1String("model.selection")), qPrintable(said())); // by its label
    edit("lengthEdit")->setText(QStringLiteral("31, 32, 64, 128, 256"));
    QVERIFY2(said().endsWith(QLatin1String("\nand 2 more")), qPrintable(said()));
    edit("topkEdit")->setText(QStringLiteral("7000"));
    QCOMPARE(said(), QString()); // what is wrong comes first
    edit("lengthEdit")->setText(QStringLiteral("64"));
    edit("topkEdit")->setText(QStringLiteral("L/4"));
    QCOMPARE(said(), QString());
}

void tst_ConfigForm::listsBecomeSweeps()
{
    edit("lengthEdit")->setText(QStringLiteral("32, 64"));
    edit("seedsEdit")->setText(QStringLiteral("0, 1, 2"));
    QVERIFY(m_form->experiment().has_value());
    QCOMPARE(expand(*m_form->experiment()).size(), std::size_t{12});
    edit("seedsEdit")->setText(QStringLiteral("5"));
    QCOMPARE(expand(*m_form->experiment()).size(), std::size_t{4});
    QCOMPARE(expand(*m_form->experiment()).front().training.seed, std::uint64_t{5});
}

void tst_ConfigForm::thousandsAreOneNumber()
{
    edit("stepsEdit")->setText(QStringLiteral("1,500"));
    QVERIFY(m_form->experiment().has_value());
    QCOMPARE(expand(*m_form->experiment()).size(), std::size_t{4});
    QCOMPARE(expand(*m_form->experiment()).front().training.steps, std::int64_t{1500});
}

void tst_ConfigForm::familiesAreCheckBoxes()
{
    auto *classic = m_form->findChild<QCheckBox *>(QStringLiteral("family_classic"));
    auto *sparse = m_form->findChild<QCheckBox *>(QStringLiteral("family_sparse"));
    QVERIFY(classic->isChecked() && sparse->isChecked());
    classic->setChecked(false);
    const auto runs = expand(*m_form->experiment());
    QCOMPARE(runs.size(), std::size_t{2});
    QVERIFY(runs.front().model.family == Family::Sparse);
    sparse->setChecked(false);
    QVERIFY(!m_form->experiment().has_value());
    QVERIFY(!add()->isEnabled());
}

void tst_ConfigForm::fieldsThatNoFamilyHasAreHidden()
{
    QVERIFY(edit("indexerHeadsEdit")->isVisible());
    m_form->findChild<QCheckBox *>(QStringLiteral("family_sparse"))->setChecked(false);
    QVERIFY(!edit("indexerHeadsEdit")->isVisible());
    QVERIFY(!edit("topkEdit")->isVisible());
    QVERIFY(edit("lengthEdit")->isVisible());
}

void tst_ConfigForm::everyFieldOfTheDescriptionIsThere()
{
    QVERIFY(!edit("training.learning_rate")->isVisible());
    QTest::mouseClick(m_form->findChild<QToolButton *>(QStringLiteral("moreFieldsButton")), Qt::LeftButton);
    QVERIFY(edit("training.learning_rate")->isVisible());
    std::size_t controls = 0;
    for (const FieldInfo &info : configFields()) {
        for (const QWidget *widget : m_form->findChildren<QWidget *>()) {
            if (widget->accessibleName() == QString::fromStdString(info.label) &&
                widget->toolTip().endsWith(QString::fromStdString(info.path))) {
                ++controls;
            }
        }
    }
    QCOMPARE(controls, configFields().size() - 3); // schema is fixed, family and sweep have controls of their own
    edit("training.learning_rate")->setText(QStringLiteral("0.002"));
    QCOMPARE(expand(*m_form->experiment()).front().training.learningRate, 0.002);
}

void tst_ConfigForm::resetBringsThePresetBack()
{
    edit("widthEdit")->setText(QStringLiteral("16"));
    QVERIFY(m_form->experiment().has_value());
    QCOMPARE(expand(*m_form->experiment()).front().model.dModel, 16);
    QTest::mouseClick(m_form->findChild<QPushButton *>(QStringLiteral("resetConfigButton")), Qt::LeftButton);
    QCOMPARE(edit("widthEdit")->text(), QStringLiteral("32"));
    QCOMPARE(expand(*m_form->experiment()).front().model.dModel, 32);
}

void tst_ConfigForm::aCopyStandsInFront()
{
    nlohmann::ordered_json document = test::smallDocument();
    document["training"]["steps"] = 77;
    m_form->offer({"Copy of small", document, {}});
    m_form->offer({"Copy of small", document, {}}); // the same again takes its place
    QCOMPARE(m_form->presets().size(), std::size_t{2});
    QCOMPARE(m_form->presetName(), std::string("Copy of small"));
    QCOMPARE(edit("stepsEdit")->text(), QStringLiteral("77"));
    QVERIFY(m_form->choosePreset("small")); // the preset itself is untouched
    QCOMPARE(edit("stepsEdit")->text(), QStringLiteral("100"));
}

void tst_ConfigForm::aDraftComesBackOverItsPreset()
{
    edit("stepsEdit")->setText(QStringLiteral("55"));
    const nlohmann::ordered_json draft = m_form->document();
    init();
    m_form->restoreDraft("small", draft);
    QCOMPARE(edit("stepsEdit")->text(), QStringLiteral("55"));
    QCOMPARE(m_form->document().dump(), draft.dump());
    QTest::mouseClick(m_form->findChild<QPushButton *>(QStringLiteral("resetConfigButton")), Qt::LeftButton);
    QCOMPARE(edit("stepsEdit")->text(), QStringLiteral("100"));
}

QTEST_MAIN(tst_ConfigForm)
#include "tst_config_form.moc"
