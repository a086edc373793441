#include "tests/core/house/tree_rules.h"

#include <QtTest>

using namespace sparsescope::house;

/// What the tree must look like: who includes whom, no cycles, lengths, names. Every rule is also shown an offence, so
/// that a rule that cannot fail is found out.
class TestTree : public QObject {
    Q_OBJECT

private slots:
    void initTestCase()
    {
        const QByteArray root = qgetenv("SPARSESCOPE_SOURCE");
        QVERIFY2(!root.isEmpty(), "SPARSESCOPE_SOURCE is not set");
        m_tree = readTree(root.toStdString());
        QVERIFY(m_tree.count("core/base/config.h"));
        QVERIFY(m_tree.count("widgets/CMakeLists.txt"));
    }

    void holds_data()
    {
        QTest::addColumn<int>("rule");
        for (int rule = 0; rule < static_cast<int>(kRules.size()); ++rule)
            QTest::newRow(kRules[rule].name) << rule;
    }

    void holds()
    {
        QFETCH(int, rule);
        const Violations found = kRules[rule].check(m_tree);
        std::string text;
        for (const std::string &violation : found)
            text += "\n  " + violation;
        QVERIFY2(found.empty(), text.c_str());
    }

    void findsOffence_data()
    {
        QTest::addColumn<int>("rule");
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("message");
        const auto row = [](const char *name, int rule, const char *path, const QString &text, const char *message) {
            QTest::newRow(name) << rule << path << text << message;
        };
        row("base knows data", 0, "core/base/bad.h", "#include \"core/data/tokenizer.h\"\n",
            "core/base/ may not include core/data/tokenizer.h");
        row("data knows model", 0, "core/data/bad.cpp", "#include \"core/model/rotary.h\"\n",
            "core/data/ may not include");
        row("model knows probe", 0, "core/model/bad.cpp", "#include \"core/probe/attention_probe.h\"\n",
            "core/model/ may not include");
        row("probe knows train", 0, "core/probe/bad.cpp", "#include \"core/train/train_run.h\"\n",
            "core/probe/ may not include");
        row("train knows experiment", 0, "core/train/bad.cpp", "#include \"core/experiment/runner.h\"\n",
            "core/train/ may not include");
        row("experiment knows Qt", 0, "core/experiment/bad.cpp", "#include <QString>\n",
            "Qt is not for core/experiment/");
        row("core knows widgets", 0, "core/train/bad.cpp", "#include \"widgets/style/theme.h\"\n",
            "may not include widgets/style/theme.h");
        row("base knows torch", 0, "core/base/bad.cpp", "  #  include <ATen/core/Tensor.h>\n",
            "torch is not for core/base/");
        row("data knows torch", 0, "core/data/bad.cpp", "#include <c10/util/Half.h>\n", "torch is not for core/data/");
        row("launch knows torch", 0, "kernels/launch/bad.cu", "#include <ATen/core/Tensor.h>\n",
            "torch is not for kernels/launch/");
        row("launch knows ops", 0, "kernels/launch/bad.cuh", "#include \"kernels/ops/dsa.h\"\n",
            "kernels/launch/ may not include");
        row("ops knows Qt", 0, "kernels/ops/bad.cpp", "#include <QtCore/QString>\n", "Qt is not for kernels/ops/");
        row("ops knows model", 0, "kernels/ops/bad.cpp", "#include \"core/model/rotary.h\"\n",
            "kernels/ops/ may not include");
        row("widgets know torch", 0, "widgets/bad.cpp", "#include <torch/csrc/autograd/variable.h>\n",
            "torch is not for widgets/");
        row("widgets know a door", 0, "widgets/bad.cpp", "#include \"core/train/train_run.h\"\n",
            "widgets/ may not include");
        row("QCustomPlot in a header", 0, "widgets/plots/bad.h", "#include <qcustomplot.h>\n",
            "QCustomPlot belongs into .cpp");
        row("app past a door", 0, "app/bad.cpp", "#include \"core/model/transformer.h\"\n",
            "app/ may not include core/model/transformer.h");
        row("app knows cli", 0, "app/bad.cpp", "#include \"app/cli/main.h\"\n", "app/ may not include app/cli/main.h");
        row("app knows QCustomPlot", 0, "app/bad.cpp", "#include <qcustomplot.h>\n",
            "QCustomPlot belongs into .cpp files of widgets/");
        row("cli knows Qt", 0, "app/cli/bad.cpp", "#include <QWidget>\n", "Qt is not for app/cli/");
        row("cli knows the window", 0, "app/cli/bad.cpp", "#include \"app/main_window.h\"\n",
            "app/cli/ may not include");
        row("cycle of one", 1, "core/base/bad.h", "#include \"core/base/bad.h\"\n",
            "core/base/bad.h -> core/base/bad.h");
        row("cycle of two", 1, "core/base/error.h", "#include \"core/base/config.h\"\n", "core/base/config.h ->");
        row("relative", 2, "core/base/bad.h", "#include \"error.h\"\n", "\"error.h\" is no file of the tree");
        row("ours in angles", 2, "core/base/bad.h", "#include <core/base/error.h>\n", "stands in quotes");
        row("torch.h", 3, "core/model/bad.cpp", "#include <torch/torch.h>\n", "torch/torch.h costs");
        row("nn", 3, "core/model/bad.cpp", "#include <torch/nn/modules/linear.h>\n", "include narrow headers");
        row("autograd elsewhere", 3, "core/model/bad.cpp", "#include <torch/csrc/autograd/custom_function.h>\n",
            "functions live in");
        row("torch in a door", 4, "core/train/train_run.h", "#include <ATen/core/Tensor.h>\n",
            "core/train/train_run.h: shows ATen/core/Tensor.h");
        row("torch behind a door", 4, "core/base/records.h", "#include <ATen/core/Tensor.h>\n",
            "by way of core/base/records.h");
        row("too long", 5, "core/base/bad.cpp", QString("int x;\n").repeated(401), "401 lines and no reason");
        row("note", 6, "core/base/bad.cpp", QString("// TO") + "DO later\n", "core/base/bad.cpp:1: a note to oneself");
        row("note in text", 6, "README.md", QString("FIX") + "ME\n", "README.md:1: a note");
        row("folder", 6, "tests/core/bad.cpp", QString("open(\"/ho") + "me/me/corpus.txt\");\n",
            "a folder of one machine");
        row("dead code", 6, "core/base/bad.cpp", "#if 0\nint x;\n#endif\n", "dead code");
        row("top level", 7, "scripts/bad.sh", "", "the top level is fixed");
        row("name", 7, "core/base/RunStore.h", "", "snake_case");
        row("same class", 8, "tests/gpu/tst_bad.cpp", "class tst_ModelCuda : public QObject {\n",
            "tst_ModelCuda is a class of");
        row("test of nothing", 7, "tests/core/nowhere/tst_bad.cpp", "", "no folder core/nowhere");
    }

    void findsOffence()
    {
        QFETCH(int, rule);
        QFETCH(QString, path);
        QFETCH(QString, text);
        QFETCH(QString, message);
        Tree tree;
        if (kRules[rule].needsOthers)
            tree = m_tree;
        tree[path.toStdString()] = text.toStdString();
        const Violations found = kRules[rule].check(tree);
        QVERIFY2(std::any_of(found.begin(), found.end(),
                             [&](const std::string &violation) {
                                 return violation.find(message.toStdString()) != std::string::npos;
                             }),
                 qPrintable(QString("%1 was let through").arg(path)));
    }

    void longFileWithReasonPasses()
    {
        const std::string text =
            "// Longer than 400 lines: one table.\n" + QString("int x;\n").repeated(401).toStdString();
        QVERIFY(lengthViolations({{"core/base/table.cpp", text}}).empty());
        QCOMPARE(lengthViolations({{"core/base/table.cpp", text.substr(text.find('\n') + 1)}}).size(), std::size_t(1));
    }

private:
    struct Rule {
        const char *name;
        Violations (*check)(const Tree &);
        bool needsOthers; ///< what it finds in one file depends on the others
    };
    static inline const std::vector<Rule> kRules = {
        {"include order", orderViolations, false},
        {"no include cycles", cycleViolations, true},
        {"includes from the root", spellingViolations, true},
        {"no costly headers", costlyViolations, false},
        {"doors show no torch", doorViolations, true},
        {"length", lengthViolations, false},
        {"content", contentViolations, false},
        {"shape", shapeViolations, true},
        {"names of test classes", nameViolations, true},
    };
    Tree m_tree;
};

QTEST_GUILESS_MAIN(TestTree)
#include "tst_tree.moc"
